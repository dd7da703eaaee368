import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { latchPath, readLatch, reserveLatch, setLatch } from "../../src/stop/latch.ts";

/** The latch with its setter killed between any two of its operations on the disk, on every way that it has to set it. */
const LATCH = resolve(import.meta.dirname, "../../src/stop/latch.ts");
const CRASH = resolve(import.meta.dirname, "../support/crashAt.mjs");
const CLOCK = "{ now: () => new Date(), monotonicMs: () => 0 }";
const SET = `import { setLatch } from ${JSON.stringify(LATCH)};
  setLatch(process.argv[1], { who: "ada", why: "drill" }, ${CLOCK}); process.stdout.write("set");`;
const REARM = `import { rearm } from ${JSON.stringify(LATCH)};
  rearm(process.argv[1], { who: "bob", why: "over" }, ${CLOCK}); process.stdout.write("clear");`;

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "wd-crash-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

type Crash = { at: number; half?: boolean; fail?: string };

function run(script: string, state: string, { at, half = false, fail = "" }: Crash) {
  const env = { CRASH_UNDER: state, CRASH_AT: String(at), CRASH_HALF: half ? "1" : "", FAIL: fail };
  const argv = ["--import", CRASH, "--input-type=module", "-e", script, state];
  return spawnSync(process.execPath, argv, { env, encoding: "utf8" });
}

function fresh(prepare: (state: string) => void): string {
  const state = mkdtempSync(join(home, "s-"));
  prepare(state);
  return state;
}

/** How many operations it makes when nothing kills it. */
function operationsOf(script: string, prepare: (state: string) => void, fail: string): number {
  const { stderr } = run(script, fresh(prepare), { at: -1, fail });
  return Number(stderr);
}

test.each([
  ["on a disk with room", ""],
  ["by the reserve, on a full disk", "open-w"],
  ["as an empty file, where neither is to be had", "open-w,renameSync"],
])("set %s: killed before any operation, and in the middle of any write", { timeout: 120_000 }, (_, fail) => {
  const count = operationsOf(SET, reserveLatch, fail);
  expect(count).toBeGreaterThan(4);
  let survived = 0;
  for (const half of [false, true])
    for (let at = 0; at < count; at++) {
      const state = fresh(reserveLatch);
      const { signal } = run(SET, state, { at, half, fail });
      expect(signal === "SIGKILL" || half).toBe(true);
      // Either nothing stands there, or what does counts as set; never half of the words.
      const latch = readLatch(state);
      expect(latch.status).toBe(existsSync(latchPath(state)) ? "set" : "clear");
      if (latch.status === "set") survived++;
      const why = latch.status === "set" ? latch.why : "clear";
      expect(["clear", "drill", "the latch is there but holds no readable words"]).toContain(why);
      // Whoever pulls it next succeeds, whatever the dead one left.
      expect(setLatch(state, { who: "eve", why: "again" }, systemClock).status).toBe("set");
      expect(readLatch(state).status).toBe("set");
    }
  expect(survived).toBeGreaterThan(0);
});

test("rearm: killed before any operation, it is still set, or it is clear and stands in the history who cleared it", () => {
  const prepare = (state: string): void => {
    reserveLatch(state);
    setLatch(state, { who: "ada", why: "drill" }, systemClock);
  };
  const count = operationsOf(REARM, prepare, "");
  expect(count).toBeGreaterThan(4);
  const seen = new Set<string>();
  for (let at = 0; at < count; at++) {
    const state = fresh(prepare);
    expect(run(REARM, state, { at }).signal).toBe("SIGKILL");
    const { status } = readLatch(state);
    seen.add(status);
    const history = join(state, "latch.jsonl");
    const isToldOf = existsSync(history) && readFileSync(history, "utf8").includes('"who":"bob"');
    expect(status === "set" || isToldOf).toBe(true);
    expect(setLatch(state, { who: "eve", why: "again" }, systemClock).status).toBe("set");
  }
  expect(seen).toEqual(new Set(["set", "clear"]));
});

test("what it says is set is on the disk: file and directory are synced before it returns", () => {
  const state = join(home, "traced");
  mkdirSync(state);
  const trace = `import fs from "node:fs"; import { syncBuiltinESMExports } from "node:module";
    const paths = new Map(); const log = [];
    for (const name of ["openSync", "fsyncSync", "linkSync"]) { const real = fs[name]; fs[name] = (...a) => {
      const r = real(...a); if (name === "openSync") paths.set(r, String(a[0]));
      log.push(name === "fsyncSync" ? "sync " + paths.get(a[0]) : name + " " + a[0]); return r; }; }
    syncBuiltinESMExports();
    const { setLatch } = await import(${JSON.stringify(LATCH)});
    setLatch(process.argv[1], { who: "ada", why: "drill" }, ${CLOCK});
    console.log(JSON.stringify(log.filter((line) => line.includes(process.argv[1])).map((line) => line.replace(/\\d+/g, "N"))));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", trace, state], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  const steps = JSON.parse(stdout) as string[];
  const draft = steps.findIndex((step) => step.startsWith("sync") && step.includes(".KILL."));
  const linked = steps.findIndex((step) => step.startsWith("linkSync"));
  const directory = steps.findLastIndex((step) => step.startsWith("sync") && !step.includes("KILL"));
  expect(draft).toBeGreaterThanOrEqual(0);
  expect(linked).toBeGreaterThan(draft);
  expect(directory).toBeGreaterThan(linked);
});
