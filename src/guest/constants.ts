/** What both ends of the channel must agree on. Apart from wire.ts, because the shim starts faster without zod. */
export const AUTHORITY = {
  broker: "broker.weakdoor.internal",
  model: "model.weakdoor.internal",
  source: "source.weakdoor.internal",
} as const;

/** Where the shim listens inside, as an HTTP proxy. Not the usual 3128: a target's own tool (srt) may listen there. */
export const PROXY_PORT = 3129;
export const HEARTBEAT_MS = 1_000;
export const HEARTBEATS_MISSED_MAX = 3;
export const TASK_POLL_MS = 20_000;

/** Where the guest runtime is mounted, read-only: node, lib/, and one bundle a program. */
export const GUEST_DIR = "/.guest";
export const GUEST_PROGRAMS = ["shim", "probe", "drill", "decoy", "research", "tools"] as const;
export type GuestProgram = (typeof GUEST_PROGRAMS)[number];
