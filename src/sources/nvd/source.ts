import { z } from "zod";
import { CveId, MIB, Words } from "../patterns.ts";
import { dataOf, defineSource, documentOf, getJson, type SourceDocument } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/**
 * The National Vulnerability Database, CVE API 2.0 (https://nvd.nist.gov/developers/vulnerabilities). Without a key five
 * requests in 30 seconds; NIST asks to sleep six between two. `vulnStatus` is `Rejected`, `Deferred` or `Awaiting Analysis` often
 * enough that a missing score says nothing.
 */
const Vulnerability = z.object({
  cve: z.object({
    id: z.string(),
    published: z.string().optional(),
    vulnStatus: z.string().optional(),
    descriptions: z.array(z.object({ lang: z.string(), value: z.string() })),
    metrics: z.record(z.string(), z.array(z.object({ cvssData: z.looseObject({}) }))).optional(),
    weaknesses: z.array(z.object({ description: z.array(z.object({ value: z.string() })) })).optional(),
  }),
});
const Answer = z.object({ vulnerabilities: z.array(Vulnerability) });
const Score = z.object({ vectorString: z.string(), baseScore: z.number() });

export const NVD = defineSource({
  id: "nvd",
  title: "National Vulnerability Database, CVE API 2.0",
  publisher: "NIST",
  kind: "api",
  terms: {
    licence: "public domain",
    url: "https://nvd.nist.gov/developers/terms-of-use",
    attribution: "This product uses data from the NVD API but is not endorsed or certified by the NVD.",
  },
  rules: ["nvd-cves"],
  params: z.union([z.strictObject({ cveId: CveId }), z.strictObject({ keywords: Words })]),
  request: (params) =>
    getJson(
      "https://services.nvd.nist.gov/rest/json/cves/2.0",
      "cveId" in params ? { cveId: params.cveId } : { keywordSearch: params.keywords, resultsPerPage: 50 },
    ),
  limits: { wireBytesMax: 4 * MIB, bytesMax: 16 * MIB, timeMs: 45_000 },
  intervalMs: 6_000,
  freshness: { reuseHours: 12, staleDays: 14 },
  snapshot: SNAPSHOT,
  read: (content) => Answer.parse(dataOf(content)).vulnerabilities.map(read),
});

function read({ cve }: z.infer<typeof Vulnerability>): SourceDocument {
  const weaknesses = (cve.weaknesses ?? []).flatMap(({ description }) => description.map(({ value }) => value));
  const scores = Object.values(cve.metrics ?? {}).flatMap((list) =>
    list.flatMap(({ cvssData }) => {
      const score = Score.safeParse(cvssData);
      return score.success ? [`${score.data.vectorString} ${score.data.baseScore}`] : [];
    }),
  );
  return documentOf({
    id: cve.id,
    title: cve.id,
    published: cve.published,
    url: `https://nvd.nist.gov/vuln/detail/${cve.id}`,
    text: [
      cve.vulnStatus === undefined ? null : `status: ${cve.vulnStatus}`,
      ...cve.descriptions.filter(({ lang }) => lang === "en").map(({ value }) => value),
      ...new Set(weaknesses.map((value) => `weakness: ${value}`)),
      ...scores.map((value) => `score: ${value}`),
    ],
  });
}
