import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "application/json",
  body: `[
  { "ghsa_id": "GHSA-xr7r-f8xq-vfvv", "cve_id": "CVE-2024-21626", "url": "https://api.github.com/advisories/GHSA-xr7r-f8xq-vfvv",
    "html_url": "https://github.com/advisories/GHSA-xr7r-f8xq-vfvv", "summary": "runc vulnerable to container breakout through process.cwd trickery and leaked fds",
    "description": "An internal file descriptor leaked into containers gave their processes a way into the host's file system. Update to 1.1.12.",
    "type": "reviewed", "severity": "high", "published_at": "2024-01-31T22:44:46Z", "withdrawn_at": null,
    "vulnerabilities": [{ "package": { "ecosystem": "go", "name": "github.com/opencontainers/runc" }, "vulnerable_version_range": ">= 1.0.0-rc93, < 1.1.12", "first_patched_version": "1.1.12", "vulnerable_functions": [] }],
    "cvss": { "vector_string": "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H", "score": 8.6 },
    "cwes": [{ "cwe_id": "CWE-403", "name": "Exposure of File Descriptor to Unintended Control Sphere ('File Descriptor Leak')" }] }
]`,
};
