import { messageOf } from "../base/errors.ts";
import { CONFINEMENT_CASES } from "./contract/confinement.ts";
import { ENDING_CASES } from "./contract/ending.ts";
import { Broken, type ContractCase, type Fixture, live, shell } from "./contract/fixture.ts";
import { LIMIT_CASES } from "./contract/limits.ts";
import { RUNNING_CASES } from "./contract/running.ts";
import type { Image } from "./image.ts";
import type { Driver } from "./sandbox.ts";

/**
 * What every backend promises, as cases that run against a real one. A backend that cannot keep a promise names it in
 * `cannot`; the cases that need it are then not asked, and which those are is shown.
 */
export const CONTRACT: readonly ContractCase[] = [
  ...RUNNING_CASES,
  ...CONFINEMENT_CASES,
  ...LIMIT_CASES,
  ...ENDING_CASES,
];

/** The needs of this case that the backend says it does not meet; empty: the case is to be run. */
export function unmetNeeds(driver: Driver, { needs }: ContractCase): Driver["cannot"] {
  return driver.cannot.filter(({ what }) => needs.includes(what));
}

export type Boot =
  | { status: "booted" /** From `create` to the guest's first word. */; helloMs: number }
  | { status: "failed"; reason: string };

/**
 * Boots one scratch sandbox, runs a task in it, kills it and looks for what is left: that a tool is installed, or a device
 * there, says nothing about whether it works. Throws only the signal's reason.
 */
export async function boots(
  driver: Driver,
  options: { image: Image; deadlineMs: number; signal: AbortSignal },
): Promise<Boot> {
  const deadline = AbortSignal.timeout(options.deadlineMs);
  const fixture = scratchFixture(options.image, AbortSignal.any([options.signal, deadline]));
  const startedMs = performance.now();
  let helloMs = 0;
  try {
    await live(driver, fixture, {}, async ({ broker }) => {
      helloMs = performance.now() - startedMs;
      const { stdout } = await shell(broker, "echo alive");
      if (stdout !== "alive\n") throw new Broken(`a task printed ${JSON.stringify(stdout)}`);
    });
    return { status: "booted", helloMs };
  } catch (thrown) {
    if (options.signal.aborted) throw options.signal.reason;
    const reason = deadline.aborted ? `not booted, run and ended within ${options.deadlineMs} ms` : messageOf(thrown);
    return { status: "failed", reason };
  }
}

function scratchFixture(image: Image, signal: AbortSignal): Pick<Fixture, "image" | "signal" | "cycle"> {
  return { image, signal, cycle: `boots${process.pid}x${Math.floor(performance.now())}` };
}

export type { ContractCase, Fixture } from "./contract/fixture.ts";
