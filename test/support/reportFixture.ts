import type { Finding, MitigationOffer } from "../../src/findings/finding.ts";
import type { Report } from "../../src/report/report.ts";

/** A believable report, small enough to know by heart. Every number in it is one that a reader can look for. */
export function sampleReport(over: Partial<Report> = {}): Report {
  return {
    version: 1,
    cycle: "c20261121-042839-9f3a1c",
    startedAt: "2026-11-21T04:28:39.000Z",
    endedAt: "2026-11-21T04:28:50.412Z",
    stack: {
      name: "harbor-desk",
      snapshot: "5e".repeat(32),
      agents: [
        { kind: "claude-code", version: "2.1.0" },
        { kind: "codex", version: "unknown" },
      ],
      kernel: "6.1.0-28-amd64",
      files: 23,
    },
    weakdoor: { version: "0.1.0", node: "v24.21.0", config: "ab".repeat(32) },
    target: {
      driver: "bubblewrap",
      isolation: "container",
      boundary: "seccomp",
      runtime: "bubblewrap",
      why: "the stack declares a devcontainer, and no engine is running",
      declaredAt: "workspace/.devcontainer/devcontainer.json",
      weakGround: ["CAP_SYS_PTRACE is added"],
    },
    lab: {
      driver: "runsc",
      isolation: "gvisor",
      boundary: "gvisor",
      runtime: "runsc",
      why: "the strongest that starts here (gvisor; the minimum is gvisor)",
      isWeak: false,
    },
    subset: {
      status: "held",
      detail: "211 rows compared, 4 could not be asked in the lab.",
      excepted: ["the gateway's own authorities"],
    },
    preflight: [
      { what: "a guest that behaves passes", status: "held", detail: "opened and read one byte" },
      { what: "a canary host rings", status: "held", detail: "403" },
      { what: "a killed sandbox is certified destroyed", status: "held", detail: "31 ms, 9 looks" },
    ],
    killDrillMs: 31.4,
    clone: {
      replaced: [
        { file: "home/.aws/credentials", kind: "aws-secret-key", place: "line 3", by: "structure" },
        { file: "workspace/.env", kind: "generic", place: "STRIPE_KEY", by: "pattern" },
      ],
      skipped: [{ file: "workspace/data.bin", reason: "larger than 8 MiB" }],
      proof: { files: 57, bytes: 184_321, values: 12, encodings: 14 },
    },
    findings: [SOCKET, CREDENTIALS, SERVER, GONE],
    delta: {
      new: [SOCKET.id, CREDENTIALS.id],
      regressed: [],
      resolved: [GONE.id],
      unchanged: [],
      blind: [{ finding: SERVER.id, reason: "mcp-server-unpinned from audit failed: the file does not parse" }],
    },
    boundaries: (["target", "lab"] as const).map((from) => ({
      from,
      categories: [
        {
          category: "cross-boundary" as const,
          intended: 0,
          observed: from === "target" ? 3 : 1,
          unexplained: from === "target" ? 2 : 0,
          notLooked: "",
          observations:
            from === "target"
              ? [
                  { id: "engine-socket:/var/run/docker.sock", close: "leave out the mount" },
                  { id: "host-mount:/host", close: "" },
                ]
              : [],
        },
        {
          category: "network" as const,
          intended: null,
          observed: null,
          unexplained: null,
          notLooked: "the target runs without a network in this version",
          observations: [],
        },
      ],
    })),
    drift: {
      since: "20260101T000000Z-00000000",
      why: "the latest before it",
      causes: [
        { what: "kernel", before: "6.1.0", after: "6.1.1" },
        { what: "agent codex", before: "0.1.0" },
      ],
      views: [
        {
          from: "target" as const,
          widened: [
            {
              id: "engine-socket:/var/run/docker.sock",
              before: "absent",
              after: "reachable (connect)",
              why: "it opened",
              causes: ["kernel"],
            },
            {
              id: "host-mount:/host",
              before: "reachable (read)",
              after: "reachable (read, write)",
              why: "gained write",
              causes: [],
              approved: { why: "the build writes there until it has moved", until: "2026-12-31" },
            },
          ],
          narrowed: [
            { id: "env-secret:TOKEN", before: "reachable (read)", after: "absent", why: "it closed", causes: [] },
          ],
          moved: [],
          unknown: [],
          unchanged: 40,
        },
        { from: "lab" as const, widened: [], narrowed: [], moved: [], unknown: [], unchanged: 44 },
      ],
    },
    coverage: [
      { check: "engine-socket", category: "cross-boundary", from: "target", status: "ran", reason: "" },
      { check: "engine-socket", category: "cross-boundary", from: "lab", status: "ran", reason: "" },
      { check: "mcp-server-unpinned", category: "tool-plane", from: "audit", status: "ran", reason: "" },
      { check: "network-route", category: "network", from: "target", status: "skipped", reason: "no network here" },
      { check: "lsm", category: "process", from: "lab", status: "degraded", reason: "/proc/self/attr is not there" },
    ],
    observations: [],
    persisted: { widened: [], narrowed: [] },
    drills: [
      {
        carrier: "mcp-decoy",
        status: "rang",
        latencyMs: 412.6,
        leaf: 41,
        detail: "called get_secret, 2 tools listed",
      },
      { carrier: "canary-host", status: "rang", latencyMs: 9.2, leaf: 43, detail: "403" },
    ],
    research: {
      mode: "scripted",
      candidates: 5,
      accepted: 3,
      refused: [{ weakness: "cloud-metadata", reason: "condition-not-met: network-route:169.254.169.254" }],
      end: "finished",
      notes: [],
      sources: [
        {
          source: "nvd",
          fetched: 2,
          notModified: 1,
          copies: 4,
          excerpts: 0,
          failed: 0,
          unfit: 0,
          asOf: "2026-11-20T10:00:00.000Z",
          isStale: false,
          reason: "",
        },
        {
          source: "cisa-kev",
          fetched: 0,
          notModified: 0,
          copies: 0,
          excerpts: 0,
          failed: 3,
          unfit: 0,
          asOf: null,
          isStale: false,
          reason: "source-not-scanned no clamd",
        },
      ],
      readings: { documents: 7, claims: 5, dropped: 2, acted: 1, unread: 0, unfounded: 1 },
      citations: [
        {
          weakness: "engine-socket-in-sandbox",
          source: "nvd",
          document: "CVE-2019-5736",
          question: "describes",
          quote: "an attacker who reaches the engine socket controls the host",
          start: 7,
          sha256: "ef".repeat(32),
          asOf: "2026-11-20T10:00:00.000Z",
        },
      ],
      spent: null,
      malformed: 3,
    },
    egress: [
      {
        sandbox: "wd-c1-lab-1",
        authority: "broker.weakdoor.internal",
        allowed: 17,
        denied: 0,
        bytesUp: 2_048,
        bytesDown: 51_200,
        reasons: [],
      },
      {
        sandbox: "wd-c1-target-1",
        authority: "evil.example",
        allowed: 0,
        denied: 2,
        bytesUp: 0,
        bytesDown: 0,
        reasons: ["host-not-listed"],
      },
    ],
    certificates: (["lab", "target"] as const).map((role) => ({
      sandbox: `wd-c1-${role}-1`,
      driver: role === "lab" ? ("runsc" as const) : ("bubblewrap" as const),
      isolation: role === "lab" ? ("gvisor" as const) : ("container" as const),
      role,
      bornAt: "2026-11-21T04:28:41.000Z",
      endedAt: "2026-11-21T04:28:50.000Z",
      status: "destroyed" as const,
      looks: [
        { what: "control group", status: "clean" as const, evidence: "not there" },
        { what: "processes by name", status: "clean" as const, evidence: "none of 131" },
      ],
    })),
    withoutMitigation: [
      { finding: CREDENTIALS.id, reasons: ["home/.aws is mounted by a compose file that is not read"] },
    ],
    ledger: { leaves: 67, checkpoint: "weakdoor.invalid/log\n67\nq83vEjRWeJA=\n\n— weakdoor.invalid/log abcdEF==\n" },
    timings: [
      { step: "snapshot", ms: 120.4, sandboxMs: 0 },
      { step: "measure", ms: 2_310.9, sandboxMs: 2_100.2 },
    ],
    ...over,
  };
}

const OFFER: MitigationOffer = {
  id: "remove-engine-socket-mount",
  title: "Take the engine socket out of the devcontainer",
  effects: ["The agent can no longer start containers.", "The devcontainer has to be rebuilt."],
  files: ["workspace/.devcontainer/devcontainer.json"],
  applyScript: "#!/bin/sh\nset -eu\necho apply\n",
  reverseScript: "#!/bin/sh\nset -eu\necho reverse\n",
  diff: '--- a/workspace/.devcontainer/devcontainer.json\n+++ b/workspace/.devcontainer/devcontainer.json\n@@ -4,3 +4,2 @@\n   "image": "node:22",\n-  "mounts": ["source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind"],\n   "remoteUser": "dev"\n',
  roundTrip: {
    status: "proved",
    reason: "",
    steps: ["finding there", "apply", "finding gone", "reverse", "bytes identical", "finding back"].map((step) => ({
      step,
      clone: "first",
      isTrue: true,
      detail: "",
    })),
  },
};

function finding(digit: string, over: Partial<Finding>): Finding {
  return {
    id: `fp1:${digit.repeat(64)}`,
    weakness: "engine-socket-in-sandbox",
    title: "A container engine's socket is in the sandbox",
    category: "cross-boundary",
    route: [
      "The agent's shell runs as dev.",
      "dev may connect to /var/run/docker.sock.",
      "The engine acts as root on the host.",
    ],
    evidence: [
      {
        observation: "engine-socket:/var/run/docker.sock",
        from: "target",
        verdict: "decoy-reached",
        detail: "connected to our stand-in and closed",
        sha256: "cd".repeat(32),
      },
    ],
    evidenceClass: "observed",
    blastRadius: {
      summary: "Whoever speaks to the engine is root on the host.",
      reaches: ["every file of the host"],
    },
    severity: "critical",
    severityReasons: ["the catalogue says critical", "it was reached, not only configured"],
    state: "open",
    explanation:
      "The engine does what it is told by whoever can connect. From the socket to root on the host is one request.",
    references: ["T1611", "AML.T0053", "ASI05", "CWE-250"],
    advice: "Take the socket out, or put a filtering proxy before it.",
    firstSeen: "2026-11-21T04:28:48.000Z",
    lastSeen: "2026-11-21T04:28:48.000Z",
    firstCycle: "c20261121-042839-9f3a1c",
    lastCycle: "c20261121-042839-9f3a1c",
    ...over,
  };
}

const SOCKET = finding("a", { mitigation: OFFER });
const CREDENTIALS = finding("b", {
  weakness: "cloud-credentials-readable",
  title: "Cloud credentials can be read: ~/.aws/credentials",
  category: "secrets",
  severity: "high",
  route: ["The agent reads ~/.aws/credentials.", "The key works from anywhere."],
  blastRadius: { summary: "What the key may do in the account.", reaches: [] },
});
const SERVER = finding("c", {
  weakness: "mcp-server-unpinned",
  title: "An MCP server is fetched without a version",
  category: "tool-plane",
  severity: "medium",
  evidenceClass: "configured",
});
const GONE = finding("d", {
  title: "A hook runs a remote script",
  category: "memory",
  severity: "high",
  state: "resolved",
});
