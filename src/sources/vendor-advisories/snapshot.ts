import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "application/json",
  body: `[
  { "ghsa_id": "GHSA-xr7r-f8xq-vfvv", "cve_id": "CVE-2024-21626", "html_url": "https://github.com/opencontainers/runc/security/advisories/GHSA-xr7r-f8xq-vfvv",
    "summary": "several container breakouts due to internally leaked fds", "description": "Several ways from a container to the host rest on one descriptor that was left open. Update to runc 1.1.12.",
    "severity": "high", "state": "published", "published_at": "2024-01-31T20:05:00Z", "withdrawn_at": null,
    "vulnerabilities": [{ "package": { "ecosystem": "", "name": "runc" }, "vulnerable_version_range": ">=v1.0.0-rc93,<=1.1.11", "patched_versions": "1.1.12", "vulnerable_functions": [] }],
    "cvss": { "vector_string": "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H", "score": 8.6 }, "cwes": [] }
]`,
};
