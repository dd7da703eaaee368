import { BOUNDARY } from "./catalogue/boundary.ts";
import { FILESYSTEM } from "./catalogue/filesystem.ts";
import { MEMORY } from "./catalogue/memory.ts";
import { NETWORK } from "./catalogue/network.ts";
import { PROCESS } from "./catalogue/process.ts";
import { SECRETS } from "./catalogue/secrets.ts";
import { TOOLS } from "./catalogue/tools.ts";
import type { Weakness } from "./weakness.ts";

/**
 * Every weakness we know how to recognise, as plain data; the texts are ours. What a container runtime does by default
 * is `info` or `low`: a report that alarms about every default container is a report nobody reads.
 *
 * Ids are those of MITRE ATT&CK Enterprise, MITRE ATLAS, OWASP (LLM 2025, Agentic 2026, MCP 2025) and CWE.
 */
export const CATALOGUE: readonly Weakness[] = [
  ...BOUNDARY,
  ...SECRETS,
  ...FILESYSTEM,
  ...PROCESS,
  ...NETWORK,
  ...TOOLS,
  ...MEMORY,
];

export function weaknessOf(catalogue: readonly Weakness[], id: string): Weakness | undefined {
  return catalogue.find((weakness) => weakness.id === id);
}
