import { setTimeout as sleep } from "node:timers/promises";
import type { DrillOrder } from "../../guest/drill/order.ts";
import type { CheckRun, Observation } from "../../guest/observation.ts";
import { findProcesses, holdsName, killProcess } from "../../stop/processes.ts";
import type { Touched } from "./canaries.ts";

/**
 * What becomes of a process that a tool call starts and leaves behind: can one be started at all, and does it outlive the call? The
 * guest starts one that bears a name of ours on its command line; the host looks for it in its own table of processes when the
 * call has ended, and ends it. That nothing outlives the sandbox itself is for its certificate to say.
 */
export type OutlivesGround = {
  /** A name that nothing else on this machine bears. */
  marker: string;
  touch(orders: readonly DrillOrder[]): Promise<Touched>;
  /** Why the host cannot see the processes inside; undefined where it can. */
  hidden: string | undefined;
  /** Why the real sandbox ends sooner than this one; undefined where it does not. */
  shorter: string | undefined;
};

export type OutlivesRows = { observations: Observation[]; checks: CheckRun[] };

const LINGER_MS = 30_000;
/** A sandbox that ends what a call left behind does it soon after. */
const SETTLED_MS = 400;
const STARTED = "child-process";
const OUTLIVES = "outlives-call";
const LINE = { category: "process", from: "outside" } as const;

export async function askOutlives(ground: OutlivesGround): Promise<OutlivesRows> {
  const { marker, hidden, shorter } = ground;
  if (hidden !== undefined) return unasked(hidden, "skipped");
  const touched = await ground.touch([{ touch: "linger", marker, ms: LINGER_MS }]);
  if (touched.status === "nothing-said") return unasked(touched.reason, "failed");
  const [word] = touched.words;
  await sleep(SETTLED_MS);
  const left = findProcesses(({ commandLine }) => holdsName(commandLine, marker));
  for (const process of left) killProcess(process);
  const started = "starting a program of one's own";
  const outlives = "a process that outlives the call that started it";
  const rows =
    word?.status === "touched"
      ? [
          row(
            STARTED,
            started,
            "reachable",
            left.length > 0 ? "seen on this side" : "one was started, says the guest",
          ),
        ]
      : [row(STARTED, started, "denied", `refused: ${word?.detail ?? "nothing was said"}`)];
  if (shorter !== undefined) rows.push(row(OUTLIVES, outlives, "not-measured", shorter));
  else if (left.length > 0)
    rows.push(row(OUTLIVES, outlives, "reachable", "seen on this side after the call had ended, and ended by us"));
  else if (word?.status === "touched") rows.push(row(OUTLIVES, outlives, "absent", "it was gone after the call"));
  else rows.push(row(OUTLIVES, outlives, "not-measured", "no process could be started that might"));
  return { observations: rows, checks: CHECKS.map((check) => ({ ...LINE, check, status: "ran", reason: "" })) };
}

const CHECKS = [STARTED, OUTLIVES];

function row(id: string, subject: string, verdict: Observation["verdict"], detail: string): Observation {
  const access: Observation["access"] = verdict === "reachable" ? ["execute"] : [];
  return { id, ...LINE, subject, verdict, access, detail: detail.slice(0, 600) };
}

function unasked(reason: string, status: "skipped" | "failed"): OutlivesRows {
  return {
    observations: CHECKS.map((check) => row(check, "processes left behind", "not-measured", reason)),
    checks: CHECKS.map((check) => ({ ...LINE, check, status, reason: reason.slice(0, 400) })),
  };
}
