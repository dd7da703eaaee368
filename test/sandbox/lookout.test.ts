import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { type Lookout, openLookout, type Survey, sharedLook, surveyNow } from "../../src/sandbox/lookout.ts";
import { provision } from "../../src/sandbox/provision.ts";
import type { Driver } from "../../src/sandbox/sandbox.ts";
import { fakeDriver, fakeSpec } from "../support/fakeDriver.ts";

describe("a shared look", () => {
  test("is one for all who ask before it begins", async () => {
    let looks = 0;
    const ask = sharedLook(() => ++looks);
    expect(await Promise.all(Array.from({ length: 50 }, ask))).toEqual(Array.from({ length: 50 }, () => 1));
    expect(looks).toBe(1);
  });

  test("that has begun counts for nobody who asks after its beginning", async () => {
    const begun: PromiseWithResolvers<string>[] = [];
    const ask = sharedLook(() => {
      const look = Promise.withResolvers<string>();
      begun.push(look);
      return look.promise;
    });
    const first = ask();
    await expect.poll(() => begun.length).toBe(1);
    const later = [ask(), ask()];
    begun[0]?.resolve("before their kill");
    expect(await first).toBe("before their kill");
    await expect.poll(() => begun.length).toBe(2);
    begun[1]?.resolve("after it");
    expect(await Promise.all(later)).toEqual(["after it", "after it"]);
    expect(begun).toHaveLength(2);
  });

  test("counts not even for who asks in the moment of its beginning", async () => {
    const order: string[] = [];
    let asked: Promise<number> | undefined;
    const ask = sharedLook(() => {
      order.push("look");
      if (asked === undefined) {
        asked = ask();
        order.push("kill and ask");
      }
      return order.length;
    });
    await ask();
    await asked;
    expect(order).toEqual(["look", "kill and ask", "look"]);
  });

  test("that hangs holds nobody up who asks after it", async () => {
    let looks = 0;
    const ask = sharedLook(() => (++looks === 1 ? new Promise<number>(() => undefined) : looks));
    void ask();
    await expect.poll(() => looks).toBe(1);
    expect(await ask()).toBe(2);
  });

  test("that fails, fails for all who share it, and not for the next", async () => {
    let looks = 0;
    const ask = sharedLook(() => {
      if (++looks === 1) throw new Error("cannot look");
      return "looked";
    });
    const both = await Promise.allSettled([ask(), ask()]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await ask()).toBe("looked");
    expect(looks).toBe(2);
  });
});

describe("a survey", () => {
  test("makes each look once, also one that cannot be made, and another survey makes it anew", () => {
    const made: string[] = [];
    const mounts = () => void made.push("mounts");
    const hidden = (): string[] => {
      made.push("processes");
      throw new Error("hidepid");
    };
    const survey = surveyNow();
    survey.of(mounts);
    survey.of(mounts);
    for (let i = 0; i < 2; i++) expect(() => survey.of(hidden)).toThrow("hidepid");
    expect(made).toEqual(["mounts", "processes"]);
    surveyNow().of(mounts);
    expect(made).toEqual(["mounts", "processes", "mounts"]);
  });

  test("begins after it was asked for", async () => {
    const lookout = openLookout();
    let isKilled = false;
    const asked = lookout.survey();
    isKilled = true;
    expect((await asked).of(() => isKilled)).toBe(true);
    const first = await lookout.survey();
    expect(await lookout.survey()).not.toBe(first);
  });
});

describe("sandboxes that the switch ends at the same moment", () => {
  const cycle = `look${process.pid}`;
  let state: string;
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), "wd-lookout-"));
  });
  afterEach(() => rmSync(state, { recursive: true, force: true }));

  /** Writes down each kill as it ends, each survey as it begins, and who looked with which. */
  function witnessed(): { driver: Driver; events: string[]; surveys: () => number } {
    const events: string[] = [];
    let surveys = 0;
    const fake = fakeDriver(cycle);
    const numbers = new Map<Survey, number>();
    const lookout: Lookout = {
      survey: sharedLook(() => {
        const survey = surveyNow();
        numbers.set(survey, ++surveys);
        events.push(`survey ${surveys}`);
        return survey;
      }),
    };
    const driver: Driver = {
      ...fake,
      lookout,
      async create(spec, signal) {
        const sandbox = await fake.create(spec, signal);
        const kill = async () => {
          // Ten of them, none in the same turn of the loop.
          for (let turns = Number(spec.name.split("-").at(-1)); turns > 0; turns--) await turnOfTheLoop();
          await sandbox.kill();
          events.push(`killed ${spec.name}`);
        };
        return { ...sandbox, kill };
      },
      async look(name) {
        const survey = await lookout.survey();
        events.push(`${name} by survey ${numbers.get(survey)}`);
        return fake.look(name);
      },
    };
    return { driver, events, surveys: () => surveys };
  }

  test("are looked for together, each by looks that began after its own kill", { timeout: 30_000 }, async () => {
    const { driver, events, surveys } = witnessed();
    const stop = new AbortController();
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        provision(driver, fakeSpec(cycle, i + 1), {
          stateDir: state,
          clock: systemClock,
          signal: stop.signal,
          watchdog: { isAlive: () => true },
          onCertificate: () => undefined,
        }),
      ),
    );
    stop.abort();
    const certificates = await Promise.all(made.map((sandbox) => sandbox.end()));
    expect(certificates.map(({ status }) => status)).toEqual(made.map(() => "destroyed"));
    const looks = events.filter((event) => event.includes(" by survey "));
    expect(looks.length).toBeGreaterThanOrEqual(10);
    for (const one of looks) {
      const [name, survey] = one.split(" by ");
      expect(events.indexOf(`${survey}`), one).toBeGreaterThan(events.indexOf(`killed ${name}`));
    }
    expect(surveys()).toBeLessThanOrEqual(looks.length);
  });
});
