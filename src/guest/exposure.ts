import type { Observation } from "./observation.ts";

/** Checks that describe and do not accuse: who and what the sandbox is, and what every container of its kind has. */
const DESCRIPTIVE: ReadonlySet<string> = new Set([
  "control",
  "own",
  "mount",
  "runtime-name",
  "runtime-default",
  "user-identity",
  "lsm",
  "visible-process",
  "program",
  "write-and-execute",
  "executable-memory",
  "proxy-environment",
  "path-access",
  "tool-path",
  "agent-contact",
  "place-canary",
  "write-persists",
  "child-process",
]);

/** Single rows of the same kind. */
const DESCRIPTIVE_ROWS: ReadonlySet<string> = new Set([
  "network-interface:lo",
  "mount-propagation:slave",
  // What it is for.
  "memory-canary:workspace",
]);

/** Is something open here that need not be? Two views that disagree count: one of them is wrong. */
export function isExposure(observation: Observation): boolean {
  if (observation.verdict === "contradictory") return true;
  if (DESCRIPTIVE.has(checkNameOf(observation.id)) || DESCRIPTIVE_ROWS.has(observation.id)) return false;
  switch (observation.verdict) {
    case "reachable":
    case "decoy-reached":
      return true;
    case "denied":
    case "absent":
    case "not-measured":
      return false;
  }
}

/** As checkOf of observation.ts, whose schemas do not travel with the probe. */
function checkNameOf(id: string): string {
  return id.split(":", 1)[0] ?? id;
}
