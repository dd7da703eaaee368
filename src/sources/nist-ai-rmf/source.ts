import { z } from "zod";
import { MIB } from "../patterns.ts";
import { defineSource, documentOf, pageOf } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/** NIST's page on the AI Risk Management Framework: what has been published, and what it asks for. There is no machine-readable feed. */
export const NIST_AI_RMF = defineSource({
  id: "nist-ai-rmf",
  title: "NIST AI Risk Management Framework",
  publisher: "NIST",
  kind: "page",
  terms: { licence: "public domain", url: "https://www.nist.gov/open/license", attribution: null },
  rules: ["nist-ai-rmf"],
  params: z.strictObject({}),
  request: () => ({
    method: "GET",
    url: "https://www.nist.gov/itl/ai-risk-management-framework",
    body: null,
    accept: ["text/html"],
  }),
  limits: { wireBytesMax: 2 * MIB, bytesMax: 4 * MIB, timeMs: 30_000 },
  intervalMs: 5_000,
  freshness: { reuseHours: 24 * 7, staleDays: 200 },
  snapshot: SNAPSHOT,
  read(content) {
    const { title, text } = pageOf(content);
    return [documentOf({ id: "nist-ai-rmf", title, text: [text] })];
  },
});
