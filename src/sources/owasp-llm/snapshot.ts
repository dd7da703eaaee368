import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "text/html",
  body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>OWASP Top 10 for LLM Applications 2025: ids and titles</title></head>
<body><main><h1>Top 10 for LLM Applications 2025</h1>
<ul><li>LLM01:2025 Prompt Injection</li><li>LLM02:2025 Sensitive Information Disclosure</li><li>LLM03:2025 Supply Chain</li>
<li>LLM04:2025 Data and Model Poisoning</li><li>LLM05:2025 Improper Output Handling</li><li>LLM06:2025 Excessive Agency</li>
<li>LLM07:2025 System Prompt Leakage</li><li>LLM08:2025 Vector and Embedding Weaknesses</li><li>LLM09:2025 Misinformation</li>
<li>LLM10:2025 Unbounded Consumption</li></ul></main></body></html>
`,
};
