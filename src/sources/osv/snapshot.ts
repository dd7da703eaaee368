import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "application/json",
  body: `{ "vulns": [
  { "schema_version": "1.6.0", "id": "GO-2024-2491", "modified": "2024-06-04T00:00:00Z", "published": "2024-02-02T00:00:00Z",
    "aliases": ["CVE-2024-21626", "GHSA-xr7r-f8xq-vfvv"], "summary": "Container breakout through process.cwd trickery and leaked file descriptors in github.com/opencontainers/runc",
    "details": "A leaked file descriptor gave a container's process a way into the host's file system.",
    "affected": [{ "package": { "name": "github.com/opencontainers/runc", "ecosystem": "Go", "purl": "pkg:golang/github.com/opencontainers/runc" },
      "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "1.0.0-rc93" }, { "fixed": "1.1.12" }] }] }],
    "references": [{ "type": "ADVISORY", "url": "https://github.com/opencontainers/runc/security/advisories/GHSA-xr7r-f8xq-vfvv" }] }
] }`,
};
