import { z } from "zod";

/**
 * What one check saw, as one typed row. The probe inside a sandbox, the look from outside, the audit of configuration
 * files and the drills all speak in these. Inside a sandbox only the types are used; CONTROL parses with the schemas,
 * because every string here came from a place that may lie.
 */

export const CATEGORIES = [
  "filesystem",
  "secrets",
  "network",
  "process",
  "tool-plane",
  "memory",
  "cross-boundary",
] as const;
export const Category = z.enum(CATEGORIES);
export type Category = z.infer<typeof Category>;

/**
 * `reachable` the thing can be used · `denied` asked and refused, with a positive control beside it · `absent` asked,
 * not there · `decoy-reached` a stand-in of ours answered in its place · `not-measured` could not ask; `detail` says
 * why · `contradictory` two views of one fact disagree.
 */
export const Verdict = z.enum(["reachable", "denied", "absent", "decoy-reached", "not-measured", "contradictory"]);
export type Verdict = z.infer<typeof Verdict>;

export const Access = z.enum(["list", "read", "write", "create", "execute", "connect", "signal", "configure"]);
export type Access = z.infer<typeof Access>;

/** Where the row was taken: inside the target or the lab, on the host as baseline, from outside by pid, in files, by a drill. */
export const Vantage = z.enum(["target", "lab", "host", "outside", "audit", "drill"]);
export type Vantage = z.infer<typeof Vantage>;

/**
 * `check` or `check:instance`, kebab case before the colon. Stable over runs: never a pid, inode, time, port chosen by
 * the kernel, host data-root path or the value of a fake.
 */
export const ObservationId = z
  .string()
  .max(240)
  .regex(/^[a-z0-9][a-z0-9-]*(:[\x21-\x7e]+)?$/, "an observation id is check or check:instance");
export type ObservationId = z.infer<typeof ObservationId>;

export const Observation = z.strictObject({
  id: ObservationId,
  category: Category,
  /** What was looked at, as a person would say it. */
  subject: z.string().max(300),
  verdict: Verdict,
  /** What was shown to be possible; empty unless reachable or decoy-reached. */
  access: z.array(Access).max(8),
  from: Vantage,
  /** Id of the positive control that makes a denial count. */
  control: ObservationId.optional(),
  detail: z.string().max(600),
});
export type Observation = z.infer<typeof Observation>;

/** The check an observation belongs to: its id up to the first colon. */
export function checkOf(id: ObservationId): string {
  const colon = id.indexOf(":");
  return colon < 0 ? id : id.slice(0, colon);
}

/** One line of the coverage ledger: a check that is not here was never planned; one that did not run says why. */
export const CheckRun = z.strictObject({
  check: z.string().max(100),
  category: Category,
  from: Vantage,
  status: z.enum(["ran", "skipped", "degraded", "failed"]),
  /** Empty only when `ran`. */
  reason: z.string().max(400),
});
export type CheckRun = z.infer<typeof CheckRun>;

/** What names the boundary between the sandbox's code and the kernel; it decides how the other rows are to be read. */
export const SyscallBoundary = z.enum(["none", "namespaces", "landlock", "seccomp", "gvisor", "microvm", "unknown"]);
export type SyscallBoundary = z.infer<typeof SyscallBoundary>;

/** The probe's whole answer. */
export const ProbeReport = z.strictObject({
  version: z.literal(1),
  from: Vantage,
  boundary: SyscallBoundary,
  runtime: z.string().max(100),
  durationMs: z.number().nonnegative(),
  observations: z.array(Observation).max(5_000),
  checks: z.array(CheckRun).max(500),
  /** What may have caused a difference from another report, by name; only of a measurement that stands alone. */
  circumstances: z.record(z.string().max(200), z.string().max(400)).optional(),
});
export type ProbeReport = z.infer<typeof ProbeReport>;
