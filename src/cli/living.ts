import { ownerOf } from "../cycle/turn.ts";
import { type OpenEntry, openEntries, openGateways, readJournal } from "../stop/journal.ts";
import type { Process } from "../stop/processes.ts";
import { watchdogOf } from "../stop/startWatchdog.ts";
import type { ProcessId } from "../stop/stop.ts";

/** What of this state directory lives, or has not been shown to be gone. */
export type Living = {
  sandboxes: OpenEntry[];
  gateways: ProcessId[];
  /** The process that runs the cycle, and the one that watches over it. */
  owner: ProcessId | undefined;
  watchdog: Process | undefined;
};

export function livingIn(stateDir: string): Living {
  const { entries } = readJournal(stateDir);
  return {
    sandboxes: openEntries(entries),
    gateways: openGateways(entries),
    owner: ownerOf(stateDir),
    watchdog: watchdogOf(stateDir),
  };
}

/** In words, of those things that a guest can act through. */
export function namesOf({ sandboxes, gateways }: Living): string[] {
  return [...sandboxes.map(({ name }) => name), ...gateways.map(({ pid }) => `gateway ${pid}`)];
}
