import { join } from "node:path";
import { messageOf, OperatorError } from "../base/errors.ts";
import { boots } from "../sandbox/contract.ts";
import { type Image, prepareImage } from "../sandbox/image.ts";
import { backends } from "./backends.ts";
import { configIfThere } from "./configIfThere.ts";
import { makeState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Verb } from "./verb.ts";

/** An emulated machine takes seconds to start, and the first time KVM is tried before. */
const BOOT_DEADLINE_MS = 45_000;

/** Boots one sandbox of each backend, with a deadline: that a tool is installed says nothing about whether it works here. */
export const verb: Verb = {
  name: "doctor",
  summary: "boot one sandbox of each backend and say what works here",
  usage: "doctor [--config FILE] [--state DIR] [--json]",
  options: { ...STATE_OPTIONS, json: { type: "boolean" } },
  async run({ values, cwd, io, signal }) {
    const stateDir = makeState(values, cwd);
    const image: Image = await prepareImage(join(stateDir, "cache"));
    const rows = [];
    for (const { driver, availability } of await backends(stateDir, signal, await configIfThere(values, cwd))) {
      const base = { driver: driver.kind, isolation: driver.isolation, cannot: driver.cannot };
      if (availability.status === "missing") rows.push({ ...base, ...availability });
      else rows.push({ ...base, ...availability, boot: await boot(driver, image, signal) });
    }
    if (flag(values, "json")) io.json(rows);
    else {
      for (const row of rows) {
        if (row.status === "missing") io.out(`missing  ${row.driver.padEnd(13)} ${row.reason}; ${row.hint}`);
        else {
          io.out(
            `${row.boot.status === "works" ? "works" : "fails"}    ${row.driver.padEnd(13)} ${row.isolation}, ${row.version}: ${row.boot.detail}`,
          );
          for (const { what, why } of row.cannot) io.out(`         ${"".padEnd(13)} cannot ${what}: ${why}`);
        }
      }
    }
    if (!rows.some((row) => row.status === "ready" && row.boot.status === "works")) {
      throw new OperatorError(
        "no sandbox boots on this machine",
        "run: apt-get install -y bubblewrap runsc busybox-static",
      );
    }
    return EXIT.nothingNew;
  },
};

async function boot(driver: Parameters<typeof boots>[0], image: Image, signal: AbortSignal) {
  try {
    const startMs = performance.now();
    const booted = await boots(driver, { image, deadlineMs: BOOT_DEADLINE_MS, signal });
    if (booted.status !== "booted") return { status: "fails" as const, detail: booted.reason };
    return {
      status: "works" as const,
      detail: `booted, ran a task and was gone in ${Math.round(performance.now() - startMs)} ms`,
    };
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    return { status: "fails" as const, detail: messageOf(thrown) };
  }
}
