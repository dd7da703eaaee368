import { createTask, type ScheduledTask } from "node-cron";

/**
 * When a cycle is due. Cron with a time zone (node-cron: a time that a clock change skips is not run, one that it
 * repeats is run once), one cycle of a stack at a time, and at most one run to catch up on those missed while nothing
 * was running.
 */
export type Timetable = {
  cron: string;
  /** IANA name. */
  timeZone: string;
  catchUp: "one" | "none";
};

/** What to do at start, given when the last scheduled run began; undefined when there never was one. */
export type AtStart =
  | { status: "nothing-missed"; next: Date | null }
  | { status: "run-now"; missed: Date; reason: string }
  | { status: "skip-missed"; missed: Date; next: Date | null; reason: string };

const MINUTE_MS = 60_000;
/** How far back a missed run is looked for. */
const LOOK_BACK_MS = 366 * 24 * 60 * MINUTE_MS;

export function atStart(timetable: Timetable, last: Date | undefined, now: Date): AtStart {
  const task = taskOf(timetable);
  // getNextRun() knows nothing of a task that was not started.
  const next = task.getNextRuns(1)[0] ?? null;
  const missed = last === undefined ? undefined : lastDue(task, last, now);
  if (missed === undefined) return { status: "nothing-missed", next };
  const reason = `a run was due at ${missed.toISOString()} and nothing was running`;
  if (timetable.catchUp === "none") return { status: "skip-missed", missed, next, reason };
  return { status: "run-now", missed, reason };
}

/** The latest minute after `last` and up to `now` that the timetable names, or undefined. */
function lastDue(task: ScheduledTask, last: Date, now: Date): Date | undefined {
  const floor = Math.max(last.getTime(), now.getTime() - LOOK_BACK_MS);
  for (let minute = Math.floor(now.getTime() / MINUTE_MS) * MINUTE_MS; minute > floor; minute -= MINUTE_MS) {
    const date = new Date(minute);
    if (task.match(date)) return date;
  }
  return undefined;
}

/** A task that is asked and never started. */
function taskOf(timetable: Timetable): ScheduledTask {
  return createTask(timetable.cron, () => undefined, { timezone: timetable.timeZone });
}

/**
 * Calls `run` whenever it is due, never twice at once, until the signal aborts; resolves when the last run has ended.
 * Rejects with what `run` rejects with: a timetable whose runs break is none.
 */
export async function keepTime(
  timetable: Timetable,
  { run, say, signal }: { run: () => Promise<void>; say: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  let running = Promise.resolve();
  let isRunning = false;
  const over = Promise.withResolvers<void>();
  const task = createTask(
    timetable.cron,
    () => {
      if (isRunning) return say("a cycle is due, but the one before still runs: this one is left out");
      isRunning = true;
      running = run()
        .catch(over.reject)
        .finally(() => {
          isRunning = false;
        });
      return undefined;
    },
    { timezone: timetable.timeZone },
  );
  signal.addEventListener("abort", () => over.resolve(), { once: true });
  if (signal.aborted) over.resolve();
  await task.start();
  try {
    await over.promise;
  } finally {
    await task.stop();
    await running;
  }
}
