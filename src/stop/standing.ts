import { lastBeat } from "./heartbeat.ts";
import { openEntries, readJournal } from "./journal.ts";
import { isAlive, isStopped, type Process, processId } from "./processes.ts";
import { watchdogOf } from "./startWatchdog.ts";
import type { ProcessId } from "./stop.ts";

/** Who runs and who watches, and for how long yet, as anybody may read it off the state directory and the process table. */
export type StandingNow = {
  /** Null when no cycle runs. `stopped`: it exists and does nothing. */
  watchdog: { pid: number; status: "watching" | "stopped" } | null;
  owner: { pid: number; status: "running" | "stopped" | "dead"; heartbeatAgeMs: number | null } | null;
  lease: { cycle: string; step: string | null; endsAt: string } | null;
  /** In the order in which they were intended. */
  sandboxes: { name: string; driver: string; status: "being-made" | "born"; ageMs: number }[];
};

export function standingOf(stateDir: string, now: Date): StandingNow {
  const { entries } = readJournal(stateDir);
  const intendedAt = new Map(
    entries.flatMap((entry) => (entry.kind === "intent" ? [[entry.name, Date.parse(entry.at)]] : [])),
  );
  const sandboxes = openEntries(entries).map(({ name, driver, isBorn }) => ({
    name,
    driver,
    status: isBorn ? ("born" as const) : ("being-made" as const),
    ageMs: now.getTime() - (intendedAt.get(name) ?? now.getTime()),
  }));
  const watchdog = watchdogOf(stateDir);
  if (watchdog === undefined) return { watchdog: null, owner: null, lease: null, sandboxes };
  const argument = argumentsOf(watchdog);
  const owner = { pid: Number(argument("owner-pid")), startTime: argument("owner-start") };
  const cycle = argument("cycle");
  const mine = entries.filter((entry) => entry.cycle === cycle);
  const step = mine.findLast((entry) => entry.kind === "step");
  const movedAt = mine.at(-1)?.at;
  const endsAt = movedAt === undefined ? now.getTime() : Date.parse(movedAt) + Number(argument("step-ms"));
  return {
    watchdog: { pid: watchdog.pid, status: isStopped(watchdog) ? "stopped" : "watching" },
    owner: { pid: owner.pid, status: statusOf(owner), heartbeatAgeMs: ageOf(lastBeat(stateDir), now) },
    lease: { cycle, step: step?.step ?? null, endsAt: new Date(endsAt).toISOString() },
    sandboxes,
  };
}

function statusOf(owner: ProcessId): "running" | "stopped" | "dead" {
  if (processId(owner.pid) === undefined || !isAlive(owner)) return "dead";
  return isStopped(owner) ? "stopped" : "running";
}

function ageOf(moment: Date | undefined, now: Date): number | null {
  return moment === undefined ? null : Math.max(0, Math.round(now.getTime() - moment.getTime()));
}

function argumentsOf({ commandLine }: Process): (name: string) => string {
  return (name) => new RegExp(` --${name} (\\S+)`).exec(commandLine)?.[1] ?? "";
}
