import { z } from "zod";
import { MIB } from "../patterns.ts";
import { defineSource, documentOf, pageOf } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/**
 * The OWASP Top 10 for LLM Applications 2025, a page for each entry. The text is CC BY-SA: it is read and cited, and none of
 * it is in our own files.
 */
const PAGES = {
  LLM01: "llm01-prompt-injection",
  LLM02: "llm022025-sensitive-information-disclosure",
  LLM03: "llm032025-supply-chain",
  LLM04: "llm042025-data-and-model-poisoning",
  LLM05: "llm052025-improper-output-handling",
  LLM06: "llm062025-excessive-agency",
  LLM07: "llm072025-system-prompt-leakage",
  LLM08: "llm082025-vector-and-embedding-weaknesses",
  LLM09: "llm092025-misinformation",
  LLM10: "llm102025-unbounded-consumption",
} as const;
const ENTRIES = Object.keys(PAGES) as (keyof typeof PAGES)[];

export const OWASP_LLM = defineSource({
  id: "owasp-llm",
  title: "OWASP Top 10 for LLM Applications 2025",
  publisher: "OWASP GenAI Security Project",
  kind: "page",
  terms: {
    licence: "CC-BY-SA-4.0",
    url: "https://genai.owasp.org/",
    attribution: "OWASP GenAI Security Project, CC BY-SA 4.0.",
  },
  rules: ["owasp-llm"],
  params: z.strictObject({ entry: z.enum(ENTRIES) }),
  request: ({ entry }) => ({
    method: "GET",
    url: `https://genai.owasp.org/llmrisk/${PAGES[entry]}/`,
    body: null,
    accept: ["text/html"],
  }),
  limits: { wireBytesMax: 2 * MIB, bytesMax: 4 * MIB, timeMs: 30_000 },
  intervalMs: 5_000,
  freshness: { reuseHours: 24 * 7, staleDays: 200 },
  snapshot: SNAPSHOT,
  read(content) {
    const { title, text } = pageOf(content);
    return [documentOf({ id: "owasp-llm", title, text: [text] })];
  },
});
