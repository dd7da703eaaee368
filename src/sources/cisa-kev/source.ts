import { z } from "zod";
import { CveId, MIB } from "../patterns.ts";
import { dataOf, defineSource, documentOf, getJson } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/** CISA's Known Exploited Vulnerabilities: that a weakness is used in the wild, not how. Fetched whole, 1.3 MB, with an ETag. */
const Catalogue = z.object({
  vulnerabilities: z.array(
    z.object({
      cveID: z.string(),
      vendorProject: z.string(),
      product: z.string(),
      vulnerabilityName: z.string(),
      dateAdded: z.string(),
      shortDescription: z.string(),
      requiredAction: z.string(),
      knownRansomwareCampaignUse: z.string().optional(),
      /** Not there in older entries. */
      cwes: z.array(z.string()).optional(),
    }),
  ),
});

export const CISA_KEV = defineSource({
  id: "cisa-kev",
  title: "Known Exploited Vulnerabilities Catalog",
  publisher: "CISA",
  kind: "feed",
  terms: {
    licence: "CC0-1.0",
    url: "https://www.cisa.gov/sites/default/files/licenses/kev/license.txt",
    attribution: null,
  },
  rules: ["cisa-kev"],
  params: z.strictObject({ cveId: CveId.optional() }),
  request: () => getJson("https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"),
  limits: { wireBytesMax: 8 * MIB, bytesMax: 16 * MIB, timeMs: 60_000 },
  intervalMs: 2_000,
  freshness: { reuseHours: 12, staleDays: 7 },
  snapshot: SNAPSHOT,
  read: (content) =>
    Catalogue.parse(dataOf(content)).vulnerabilities.map((entry) =>
      documentOf({
        id: entry.cveID,
        title: entry.vulnerabilityName,
        published: entry.dateAdded,
        text: [
          `${entry.vendorProject} ${entry.product}`,
          entry.shortDescription,
          `required action: ${entry.requiredAction}`,
          `ransomware: ${entry.knownRansomwareCampaignUse ?? "Unknown"}`,
          ...(entry.cwes ?? []).map((cwe) => `weakness: ${cwe}`),
        ],
      }),
    ),
  pick: (documents, { cveId }) => documents.filter(({ id }) => cveId === undefined || id === cveId),
});
