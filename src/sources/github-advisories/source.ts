import { z } from "zod";
import { Advisory, readAdvisory } from "../advisory.ts";
import { GhsaId, MIB } from "../patterns.ts";
import { dataOf, defineSource, getJson } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/**
 * The GitHub Advisory Database, reviewed advisories (https://docs.github.com/rest/security-advisories/global-advisories).
 * Without a token 60 requests an hour from one address, shared with `vendor-advisories`. What a vendor published for its own
 * repository without naming an ecosystem is not in here.
 */
const ECOSYSTEMS = ["actions", "composer", "go", "maven", "npm", "nuget", "pip", "rubygems", "rust"] as const;

export const GITHUB_ADVISORIES = defineSource({
  id: "github-advisories",
  title: "GitHub Advisory Database",
  publisher: "GitHub",
  kind: "api",
  terms: {
    licence: "CC-BY-4.0",
    url: "https://docs.github.com/site-policy/github-terms/github-terms-for-additional-products-and-features#advisory-database",
    attribution: "From the GitHub Advisory Database, CC BY 4.0.",
  },
  rules: ["github-advisories"],
  params: z.union([
    z.strictObject({ ghsaId: GhsaId }),
    z.strictObject({
      ecosystem: z.enum(ECOSYSTEMS).optional(),
      severity: z.enum(["low", "medium", "high", "critical"]).optional(),
    }),
  ]),
  request(params) {
    if ("ghsaId" in params) return getJson(`https://api.github.com/advisories/${params.ghsaId}`);
    const { ecosystem, severity } = params;
    return getJson("https://api.github.com/advisories", { ecosystem, severity, type: "reviewed", per_page: 50 });
  },
  limits: { wireBytesMax: 4 * MIB, bytesMax: 16 * MIB, timeMs: 30_000 },
  intervalMs: 2_000,
  freshness: { reuseHours: 12, staleDays: 14 },
  snapshot: SNAPSHOT,
  read(content) {
    const answer = z.union([z.array(Advisory), Advisory]).parse(dataOf(content));
    return (Array.isArray(answer) ? answer : [answer]).map(readAdvisory);
  },
});
