import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TargetState } from "../../../src/approval/approval.ts";
import type { Finding } from "../../../src/findings/finding.ts";

export const TARGET: TargetState = { name: "demo", snapshotSha256: "5".repeat(64) };

/** A finding with a mitigation whose reversal was proved. */
export const FINDING: Finding = {
  id: `fp1:${"ab12cd34".repeat(8)}`,
  weakness: "docker-socket-reachable",
  title: "The engine's socket can be reached from inside",
  category: "cross-boundary",
  route: ["inside the sandbox", "the engine's socket", "the host"],
  evidence: [
    {
      observation: "docker-socket",
      from: "target",
      verdict: "decoy-reached",
      detail: "connected",
      sha256: "a".repeat(64),
    },
  ],
  evidenceClass: "observed",
  blastRadius: { summary: "the host", reaches: ["/"] },
  severity: "critical",
  severityReasons: ["reaches the host"],
  state: "open",
  explanation: "An agent inside can ask the engine for anything.",
  references: ["T1611"],
  advice: "Take the socket out of the mounts.",
  mitigation: {
    id: "devcontainer.remove-mount",
    title: "Remove the mount of the engine's socket",
    effects: ["tools that start containers stop working"],
    files: ["workspace/.devcontainer/devcontainer.json"],
    applyScript: "#!/bin/sh\nexit 0 # apply\n",
    reverseScript: "#!/bin/sh\nexit 0 # reverse\n",
    diff: "--- a\n+++ b\n-mount\n",
    roundTrip: {
      status: "proved",
      reason: "",
      steps: [{ step: "apply, finding gone", clone: "A", isTrue: true, detail: "absent" }],
    },
  },
  firstSeen: "2026-11-20T00:00:00.000Z",
  lastSeen: "2026-11-21T00:00:00.000Z",
  firstCycle: "c20261120-000000-aaaaaa",
  lastCycle: "c20261121-000000-bbbbbb",
};

export type Key = { path: string; publicKey: string };

/** A key pair made on the spot, without a passphrase unless one is given. */
export function makeKey(folder: string, name: string, passphrase = ""): Key {
  const path = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", path]);
  return { path, publicKey: readFileSync(`${path}.pub`, "utf8").trim() };
}
