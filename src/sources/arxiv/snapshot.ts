import type { Snapshot } from "../source.ts";

export const SNAPSHOT: Snapshot = {
  writtenOn: "2026-11-21",
  mediaType: "application/atom+xml",
  body: `<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title type="html">ArXiv Query: excerpt</title>
  <id>http://arxiv.org/api/excerpt</id>
  <updated>2026-11-21T00:00:00-05:00</updated>
  <entry>
    <id>http://arxiv.org/abs/2506.08837v1</id>
    <updated>2025-06-10T14:23:55Z</updated>
    <published>2025-06-10T14:23:55Z</published>
    <title>Design Patterns for Securing LLM Agents against Prompt Injections</title>
    <summary>Patterns that keep what an agent may do apart from the untrusted text that it reads.</summary>
    <category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/>
  </entry>
  <entry>
    <id>http://arxiv.org/abs/2403.14720v1</id>
    <updated>2024-03-20T00:00:00Z</updated>
    <published>2024-03-20T00:00:00Z</published>
    <title>Defending Against Indirect Prompt Injection Attacks With Spotlighting</title>
    <summary>Marking the origin of text in a prompt, so that a model can tell data from instructions.</summary>
    <category term="cs.CR" scheme="http://arxiv.org/schemas/atom"/>
  </entry>
</feed>
`,
};
