import { z } from "zod";
import type { GuestProgram } from "./constants.ts";

/**
 * What crosses the channel. The shim inside is the HTTP/2 client, the gateway the server. Authorities of ours end in
 * `.weakdoor.internal`; all else is decided by `egress/decide.ts`.
 *
 *   broker  POST /v1/hello        Hello            first thing said; 200 with Welcome
 *           POST /v1/heartbeat    {}               every HEARTBEAT_MS (constants.ts); three missed and the shim exits
 *           GET  /v1/task         Task | 204       long poll, answered within TASK_POLL_MS
 *           POST /v1/task/<id>    TaskResult       200
 *           any other path                         a message to CONTROL, by the route table of the sandbox's role
 *   model   passed on with our key (lab only)
 *   source  fetch by source id (lab only)
 */
export {
  AUTHORITY,
  GUEST_DIR,
  GUEST_PROGRAMS,
  type GuestProgram,
  PROXY_PORT,
  TASK_POLL_MS,
} from "./constants.ts";

export const Hello = z.strictObject({ node: z.string().max(40), pid: z.int().positive() });
export type Hello = z.infer<typeof Hello>;

/** The answer to Hello. The shim takes it as it is: it comes from the host. */
export type Welcome = {
  /** PEM of the authority under which the gateway ends the TLS of tunnels; null where no host may be reached. */
  certificate: string | null;
};

/** One program to run inside. CONTROL makes it, never a model; the shim runs it without a shell. */
export type Task = {
  id: string;
  /** A bundle of ours (`program`), or an argv that deterministic code of ours made (a mitigation's script). */
  run: { program: GuestProgram; args: string[] } | { argv: [string, ...string[]] };
  env: Record<string, string>;
  cwd: string;
  stdin: string;
  timeoutMs: number;
  outputBytesMax: number;
};

/** What came of it. Every byte is the guest's word: bounded here, validated by whoever asked. */
export const TaskResult = z.strictObject({
  id: z.string().max(64),
  code: z.int().nullable(),
  signal: z.string().max(20).nullable(),
  stdout: z.string().max(8 * 1024 * 1024),
  stderr: z.string().max(256 * 1024),
  isTruncated: z.boolean(),
  isTimedOut: z.boolean(),
  durationMs: z.number().nonnegative(),
});
export type TaskResult = z.infer<typeof TaskResult>;
