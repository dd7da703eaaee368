import { openEntries, readJournal } from "../stop/journal.ts";
import { readLatch } from "../stop/latch.ts";
import { liveCycles } from "../stop/startWatchdog.ts";
import { openStore } from "../store/openStore.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Verb } from "./verb.ts";

/** How things stand: the kill switch, what runs, the last cycle, open findings. */
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
      const sandboxes = openEntries(readJournal(stateDir).entries).map(({ name, driver }) => ({ name, driver }));
      const cycles = [...liveCycles()].filter((id) => store.cycle(id) !== undefined);
      const last = store.cycles()[0];
      const open = store.findings().filter(({ state }) => state !== "resolved");
      const status = { latch, running: cycles, sandboxes, lastCycle: last ?? null, openFindings: open.length };
      if (flag(values, "json")) io.json(status);
      else {
        io.out(
          latch.status === "clear"
            ? "kill switch: armed, not set"
            : `kill switch: SET by ${latch.who} at ${latch.at}: ${latch.why}`,
        );
        io.out(
          `running:     ${cycles.length === 0 ? "nothing" : cycles.join(", ")}${sandboxes.length > 0 ? ` with ${sandboxes.map(({ name }) => name).join(", ")}` : ""}`,
        );
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
