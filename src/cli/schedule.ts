import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { systemClock } from "../base/clock.ts";
import { refusalOf } from "../base/errors.ts";
import { loadConfig } from "../config/config.ts";
import { readEnvironment } from "../config/env.ts";
import { CONFIG_NAME } from "../config/name.ts";
import { atStart, keepTime } from "../schedule/schedule.ts";
import { openStore } from "../store/openStore.ts";
import { makeState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, text, type Verb, type VerbInput } from "./verb.ts";

/**
 * Keeps time until it is told to stop. Each cycle is a process of its own, so that a crash of one does not end the
 * timetable; a signal to the schedule is handed on to the cycle that runs.
 */
export const verb: Verb = {
  name: "schedule",
  summary: "run cycles by the timetable of weakdoor.yaml, one at a time",
  usage: "schedule [--config FILE] [--state DIR] [--reports DIR] [--once]",
  options: { ...STATE_OPTIONS, reports: { type: "string" }, once: { type: "boolean" } },
  async run({ values, cwd, io, signal }) {
    const config = await loadConfig(resolve(cwd, text(values, "config") ?? CONFIG_NAME));
    const stateDir = makeState(values, cwd);
    const say = (line: string) => io.out(`${systemClock.now().toISOString()} ${line}`);
    const cycle = async () => {
      try {
        remember(stateDir, config.stack.name);
        say("a cycle begins");
        say(`the cycle ended with exit code ${await runChild({ values, cwd, signal })}`);
      } catch (thrown) {
        // A disk that is full today may have room at the next run: the timetable goes on.
        const refusal = refusalOf(thrown);
        if (refusal === undefined) throw thrown;
        say(`the cycle could not begin: ${refusal.message} (hint: ${refusal.hint})`);
      }
    };
    const start = atStart(config.schedule, lastOf(stateDir, config.stack.name), systemClock.now());
    if (start.status === "run-now") {
      say(`${start.reason}: catching up with one`);
      await cycle();
    } else {
      if (start.status === "skip-missed") say(`${start.reason}: left out, as schedule.catchUp says`);
      say(`next cycle: ${start.next === null ? "never" : start.next.toISOString()}`);
    }
    // A first start has nothing to catch up on: from now on a run that is missed is one that was due.
    if (lastOf(stateDir, config.stack.name) === undefined) remember(stateDir, config.stack.name);
    if (!flag(values, "once")) await keepTime(config.schedule, { run: cycle, say, signal });
    return EXIT.nothingNew;
  },
};

function lastOf(stateDir: string, stack: string): Date | undefined {
  const store = openStore(stateDir);
  try {
    return store.lastScheduled(stack);
  } finally {
    store.close();
  }
}

function remember(stateDir: string, stack: string): void {
  const store = openStore(stateDir);
  try {
    store.setScheduled(stack, systemClock.now());
  } finally {
    store.close();
  }
}

/** `weakdoor run` with the same files, in a process of its own. Resolves to its exit code. */
function runChild({ values, cwd, signal }: Pick<VerbInput, "values" | "cwd" | "signal">): Promise<number> {
  const options = ["config", "state", "reports"].flatMap((name) => {
    const value = text(values, name);
    return value === undefined ? [] : [`--${name}`, value];
  });
  const program = process.argv[1];
  if (program === undefined) throw new Error("this process does not know its own program");
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [program, "run", ...options], {
      cwd,
      env: readEnvironment().variables,
      stdio: "inherit",
    });
    const hand = () => child.kill("SIGTERM");
    signal.addEventListener("abort", hand, { once: true });
    child.once("error", fail);
    child.once("close", (code) => {
      signal.removeEventListener("abort", hand);
      done(code ?? EXIT.bug);
    });
  });
}
