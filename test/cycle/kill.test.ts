import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { processesWith, start, weakdoor } from "../support/weakdoor.ts";

/**
 * The kill switch at every step of a real cycle. The figure (within two seconds) is the bench's; here the limit only
 * tells a stop from a hang.
 */
const LIMIT_MS = 8_000;
let directory: string;
let state: string;
let args: string[];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-kill-"));
  state = join(directory, "state");
  args = ["run", "--demo", "--state", state, "--reports", join(directory, "reports")];
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The step that has ended when the kill comes, and how long after: so that it hits the one behind. */
const MOMENTS = [
  ["snapshot", 0],
  ["clone", 10],
  ["gateway", 100],
  ["lab", 400],
  ["preflight", 50],
  ["target", 200],
  ["drill", 150],
  ["findings", 1_200],
] as const;

test.each(MOMENTS)(
  "weakdoor kill after %s: everything is gone, exit 40, and nothing starts until a person rearms",
  async (step, afterMs) => {
    const running = start(args);
    await running.says(`  ${step} `);
    await sleep(afterMs);
    const killedAt = performance.now();
    const killed = await weakdoor("kill", "--reason", `test after ${step}`, "--state", state);
    const ended = await running.ended;
    expect(performance.now() - killedAt).toBeLessThan(LIMIT_MS);
    expect(killed, killed.err).toMatchObject({ code: 0 });
    expect(ended.code, ended.err).toBe(40);
    await expectNothingLeft();

    const refused = await weakdoor(...args);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.err).toContain("rearm");
    expect((await weakdoor("rearm", "--reason", "the test goes on", "--state", state)).code).toBe(0);
  },
);

test("SIGTERM is a stop like any other: everything is gone, exit 40, the latch is set, and what went out can still be read", async () => {
  const running = start(args);
  await running.says("  target ");
  running.child.kill("SIGTERM");
  expect((await running.ended).code).toBe(40);
  await expectNothingLeft();
  const shown = await weakdoor("egress", "show", "--json", "--state", state);
  expect(shown.code, shown.err).toBe(0);
  expect(JSON.parse(shown.out).flows.length).toBeGreaterThan(0);
  expect(existsSync(join(state, "KILL"))).toBe(true);
  await weakdoor("rearm", "--reason", "the test goes on", "--state", state);
});

test("kill -9 of the cycle leaves nothing alive, and the next run tidies up what lies on the disk and goes on", async () => {
  const running = start(args);
  await running.says("  target ");
  running.child.kill("SIGKILL");
  await running.ended;
  const gone = performance.now() + LIMIT_MS;
  while (processesWith(state).length > 0 && performance.now() < gone) await sleep(50);
  expect(processesWith(state)).toEqual([]);

  const next = start(args);
  await next.says("  lab ");
  next.child.kill("SIGTERM");
  expect((await next.ended).code).toBe(40);
  await expectNothingLeft();
  await weakdoor("rearm", "--reason", "done", "--state", state);
});

test("a second cycle of the same stack is refused while one runs", async () => {
  const running = start(args);
  await running.says("  clone ");
  const second = await weakdoor(...args);
  expect(second).toMatchObject({ code: 2 });
  expect(second.err).toContain("is running already");
  running.child.kill("SIGTERM");
  await running.ended;
  await weakdoor("rearm", "--reason", "done", "--state", state);
});

test("whatever was stopped, the log is whole", async () => {
  expect((await weakdoor("log", "verify", "--state", state)).code).toBe(0);
});

/** By the state directory: other tests run cycles of their own beside this one. */
async function expectNothingLeft(): Promise<void> {
  const left = () => processesWith(state);
  for (let i = 0; i < 40 && left().length > 0; i++) await sleep(50);
  expect(left()).toEqual([]);
  const run = join(state, "run");
  expect(existsSync(run) ? readdirSync(run).filter((name) => /^(wd-)?c\d/.test(name)) : []).toEqual([]);
}
