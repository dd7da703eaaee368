import { verify } from "../../src/findings/verify.ts";
import type { CheckRun, Observation } from "../../src/guest/observation.ts";
import { CATALOGUE } from "../../src/sources/weaknesses/catalogue.ts";
import { matching } from "../../src/sources/weaknesses/match.ts";

/** Observations of a small, weak target, and findings made from them, for the tests of findings, store and mitigation. */

export const AT = new Date("2026-11-21T04:28:39.000Z");
export const CYCLE = "c20261121-042839-9f3a1c";

export const SOCKET: Observation = {
  id: "engine-socket:/var/run/docker.sock",
  category: "cross-boundary",
  subject: "container engine socket /var/run/docker.sock",
  verdict: "decoy-reached",
  access: ["connect"],
  from: "target",
  detail: "connected and closed",
};

export const CLOUD: Observation = {
  id: "cloud-credential-file:~/.aws/credentials",
  category: "secrets",
  subject: "cloud credentials ~/.aws/credentials",
  verdict: "reachable",
  access: ["read"],
  from: "target",
  detail: "116 bytes, not read",
};

export const UNPINNED: Observation = {
  id: "mcp-server-unpinned:workspace/.mcp.json#filesystem",
  category: "tool-plane",
  subject: "MCP server filesystem",
  verdict: "reachable",
  access: ["execute"],
  from: "audit",
  detail: "no version in the arguments",
};

export const SAMPLE: readonly Observation[] = [SOCKET, CLOUD, UNPINNED];

export function ran(check: string, from: Observation["from"]): CheckRun {
  return { check, category: "process", from, status: "ran", reason: "" };
}

export const SAMPLE_CHECKS: readonly CheckRun[] = [
  ran("engine-socket", "target"),
  ran("cloud-credential-file", "target"),
  ran("mcp-server-unpinned", "audit"),
];

/** Findings as a cycle with a scripted researcher makes them. */
export function findingsOf(observations: readonly Observation[], target = "demo", cycle = CYCLE, at = AT) {
  const candidates = matching(CATALOGUE, observations).map((found) => ({
    weakness: found.weakness.id,
    observations: [...new Set(found.observations.map((o) => o.id))],
    note: "",
  }));
  return verify({ candidates, observations, catalogue: CATALOGUE, target, cycle, at }).findings;
}
