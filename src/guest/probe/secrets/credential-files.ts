import { askSecretPlace } from "../paths.ts";
import type { Check } from "../probe.ts";
import { AGENT, CLOUD, OTHER, type Place } from "./credential-places.ts";

const MISSES = "Places that are not in the table, and what a file really holds: it is never opened.";

export const cloudCredentialFile: Check = {
  id: "cloud-credential-file",
  category: "secrets",
  why: "These files act for a person or a service in an account that is worth far more than the sandbox.",
  misses: MISSES,
  source: "vendors' documented paths; sandbox-probe's list",
  run: (context) => askAll(context, "cloud-credential-file", CLOUD),
};

export const agentCredentialFile: Check = {
  id: "agent-credential-file",
  category: "secrets",
  why: "Whoever reads an agent's own credentials and sessions becomes the agent, with its tools and its memory.",
  misses: MISSES,
  source: "paths that the agents write themselves; no other list has them",
  run: (context) => askAll(context, "agent-credential-file", AGENT),
};

export const credentialFile: Check = {
  id: "credential-file",
  category: "secrets",
  why: "Keys and tokens of version control, package registries and databases lead to what others build on.",
  misses: MISSES,
  source: "vendors' documented paths; sandbox-probe's list",
  run: (context) => askAll(context, "credential-file", OTHER),
};

async function askAll(context: Parameters<Check["run"]>[0], check: string, places: readonly Place[]) {
  return { rows: await Promise.all(places.map(([place, what]) => askSecretPlace(context, check, place, what))) };
}
