import { systemClock } from "../base/clock.ts";
import { readLatch } from "../stop/latch.ts";
import { type StandingNow, standingOf } from "../stop/standing.ts";
import { liveCycles } from "../stop/startWatchdog.ts";
import type { LatchState } from "../stop/stop.ts";
import { openStore } from "../store/openStore.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Verb } from "./verb.ts";

/** How things stand: the kill switch, who runs and who watches, what lives, the last cycle, open findings. */
export const verb: Verb = {
  name: "status",
  summary: "the kill switch, what runs now, the last cycle, open findings",
  usage: "status [--state DIR] [--json]",
  options: { ...STATE_OPTIONS, json: { type: "boolean" } },
  async run({ values, cwd, io }) {
    const stateDir = requireState(values, cwd);
    const store = openStore(stateDir, { mayCreate: false });
    try {
      const latch = readLatch(stateDir);
      const standing = standingOf(stateDir, systemClock.now());
      const running = [...liveCycles()].filter((id) => store.cycle(id) !== undefined);
      const last = store.cycles()[0];
      const open = store.findings().filter(({ state }) => state !== "resolved");
      if (flag(values, "json"))
        io.json({ latch, running, ...standing, lastCycle: last ?? null, openFindings: open.length });
      else {
        for (const line of [...killSwitch(latch), ...whoRuns(standing, running), ...whatLives(standing)])
          io.out(line);
        io.out(
          `last cycle:  ${last === undefined ? "none" : `${last.id} of ${last.stack}, ${last.outcome ?? "cut off"}`}`,
        );
        io.out(`open:        ${open.length} ${open.length === 1 ? "finding" : "findings"}`);
      }
      return latch.status === "clear" ? EXIT.nothingNew : EXIT.killed;
    } finally {
      store.close();
    }
  },
};

function killSwitch(latch: LatchState): string[] {
  if (latch.status === "clear") return ["kill switch: armed, not set"];
  return [`kill switch: SET by ${latch.who} at ${latch.at}: ${latch.why}`];
}

function whoRuns({ owner, watchdog, lease }: StandingNow, running: readonly string[]): string[] {
  const lines = [`running:     ${running.length === 0 ? "nothing" : running.join(", ")}`];
  if (owner !== null) {
    const beat =
      owner.heartbeatAgeMs === null ? "no heartbeat yet" : `last heartbeat ${seconds(owner.heartbeatAgeMs)} ago`;
    lines.push(`owner:       pid ${owner.pid}, ${owner.status}, ${beat}`);
  }
  if (watchdog !== null) lines.push(`watchdog:    pid ${watchdog.pid}, ${watchdog.status}`);
  if (lease !== null)
    lines.push(`lease:       until ${lease.endsAt}${lease.step === null ? "" : `, in step ${lease.step}`}`);
  return lines;
}

function whatLives({ sandboxes }: StandingNow): string[] {
  return sandboxes.map(
    ({ name, driver, status, ageMs }) =>
      `sandbox:     ${name}, ${driver}, ${status === "born" ? `for ${seconds(ageMs)}` : "being made or never seen to be born"}`,
  );
}

function seconds(ms: number): string {
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}
