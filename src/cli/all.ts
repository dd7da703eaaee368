import type { Verb } from "./verb.ts";

/** A verb is loaded when it is called: the kill switch must not wait until everything that it may stop has been read. */
export type VerbEntry = { name: string; load(): Promise<{ verb: Verb }> };

/** Every verb, in the order in which `weakdoor help` lists them. */
export const verbs: readonly VerbEntry[] = [
  { name: "init", load: () => import("./init.ts") },
  { name: "doctor", load: () => import("./doctor.ts") },
  { name: "run", load: () => import("./run.ts") },
  { name: "schedule", load: () => import("./schedule.ts") },
  { name: "status", load: () => import("./status.ts") },
  { name: "probe", load: () => import("./probe.ts") },
  { name: "diff", load: () => import("./diff.ts") },
  { name: "clone", load: () => import("./clone.ts") },
  { name: "recognise", load: () => import("./recognise.ts") },
  { name: "findings", load: () => import("./findings.ts") },
  { name: "show", load: () => import("./show.ts") },
  { name: "approve", load: () => import("./approve.ts") },
  { name: "reject", load: () => import("./reject.ts") },
  { name: "kill", load: () => import("./kill.ts") },
  { name: "rearm", load: () => import("./rearm.ts") },
  { name: "sweep", load: () => import("./sweep.ts") },
  { name: "report", load: () => import("./report.ts") },
  { name: "egress", load: () => import("./egress.ts") },
  { name: "log", load: () => import("./log.ts") },
];
