import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "application/json",
  body: `{
  "resultsPerPage": 2, "startIndex": 0, "totalResults": 2, "format": "NVD_CVE", "version": "2.0",
  "vulnerabilities": [
    { "cve": {
      "id": "CVE-2024-21626", "sourceIdentifier": "security-advisories@github.com",
      "published": "2024-01-31T22:15:53.780", "vulnStatus": "Modified",
      "descriptions": [{ "lang": "en", "value": "runc through 1.1.11 leaked an internal file descriptor into containers, so that a process could get a working directory in the host's file system namespace. Fixed in runc 1.1.12." }],
      "metrics": { "cvssMetricV31": [{ "source": "security-advisories@github.com", "type": "Secondary", "cvssData": { "version": "3.1", "vectorString": "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H", "baseScore": 8.6, "baseSeverity": "HIGH" } }] },
      "weaknesses": [{ "source": "security-advisories@github.com", "type": "Primary", "description": [{ "lang": "en", "value": "CWE-403" }] }],
      "references": [{ "url": "https://github.com/opencontainers/runc/security/advisories/GHSA-xr7r-f8xq-vfvv", "source": "security-advisories@github.com" }]
    } },
    { "cve": {
      "id": "CVE-2019-5736", "sourceIdentifier": "cve@mitre.org",
      "published": "2019-02-11T19:29:00.297", "vulnStatus": "Modified",
      "descriptions": [{ "lang": "en", "value": "runc through 1.0-rc6 mishandled /proc/self/exe, so that a process that is root inside a container could overwrite the runc binary of the host." }],
      "metrics": { "cvssMetricV31": [{ "source": "nvd@nist.gov", "type": "Primary", "cvssData": { "version": "3.1", "vectorString": "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H", "baseScore": 8.6, "baseSeverity": "HIGH" } }] },
      "weaknesses": [{ "source": "nvd@nist.gov", "type": "Primary", "description": [{ "lang": "en", "value": "CWE-78" }] }],
      "references": []
    } }
  ]
}`,
};
