import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "text/html",
  body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AI Risk Management Framework</title></head>
<body><main><h1>AI Risk Management Framework</h1>
<p>Version 1.0 was published on 26 January 2023 as NIST AI 100-1. Its core has four functions: govern, map, measure, manage.</p>
<p>The Generative AI Profile, NIST AI 600-1, followed on 26 July 2024.</p></main></body></html>
`,
};
