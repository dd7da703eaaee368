import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "application/json",
  body: `{
  "title": "CISA Catalog of Known Exploited Vulnerabilities", "catalogVersion": "excerpt", "dateReleased": "2026-11-21T00:00:00.0000Z", "count": 2,
  "vulnerabilities": [
    { "cveID": "CVE-2024-1086", "vendorProject": "Linux", "product": "Kernel", "vulnerabilityName": "Linux Kernel Use-After-Free Vulnerability",
      "dateAdded": "2024-05-30", "shortDescription": "The kernel's netfilter (nf_tables) has a use-after-free that lets a local user become root.",
      "requiredAction": "Apply mitigations per vendor instructions or discontinue use of the product if mitigations are unavailable.",
      "dueDate": "2024-06-20", "knownRansomwareCampaignUse": "Unknown", "notes": "", "cwes": ["CWE-416"] },
    { "cveID": "CVE-2022-0847", "vendorProject": "Linux", "product": "Kernel", "vulnerabilityName": "Linux Kernel Privilege Escalation Vulnerability",
      "dateAdded": "2022-04-25", "shortDescription": "A flaw in how the kernel initialises pipe buffers lets a local user write to files that he may only read.",
      "requiredAction": "Apply updates per vendor instructions.", "dueDate": "2022-05-16", "knownRansomwareCampaignUse": "Unknown", "notes": "" }
  ]
}`,
};
