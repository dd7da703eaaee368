import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { OperatorError, Stopped } from "../../src/base/errors.ts";
import { destroyAll } from "../../src/stop/destroyAll.ts";
import type { OpenEntry } from "../../src/stop/journal.ts";
import { setLatch } from "../../src/stop/latch.ts";
import type { Leases } from "../../src/stop/leases.ts";
import { isAlive, killProcess, processId } from "../../src/stop/processes.ts";
import { liveCycles, startWatchdog } from "../../src/stop/startWatchdog.ts";
import type { ProcessId } from "../../src/stop/stop.ts";
import type { WatchdogReport } from "../../src/stop/watchdog.ts";

let state: string;
let cycle: string;
const started: ProcessId[] = [];

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "weakdoor-watchdog-"));
  cycle = `ctest-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
});
afterEach(() => {
  for (const id of started.splice(0)) killProcess(id);
  rmSync(state, { recursive: true, force: true });
});

type Owner = { child: ChildProcess; watchdog: ProcessId; pids: ProcessId[] };

async function startOwner(staleMs: number, leases: Partial<Leases> = {}): Promise<Owner> {
  const script = resolve(import.meta.dirname, "../support/owner.ts");
  const child = spawn(process.execPath, [script, state, cycle, String(staleMs), JSON.stringify(leases)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const { watchdog, pids } = JSON.parse(line.toString()) as { watchdog: ProcessId; pids: ProcessId[] };
  const self = processId(child.pid ?? 0);
  if (self !== undefined) started.push(self);
  started.push(watchdog, ...pids);
  return { child, watchdog, pids };
}

/** Milliseconds until everything of the owner is dead, gateway first. */
async function allDead({ pids }: Owner, withinMs: number): Promise<number> {
  const start = performance.now();
  await expect.poll(() => pids.filter(isAlive), { interval: 5, timeout: withinMs }).toEqual([]);
  return performance.now() - start;
}

async function report(owner: Owner): Promise<WatchdogReport> {
  await expect.poll(() => isAlive(owner.watchdog), { interval: 10, timeout: 5_000 }).toBe(false);
  return JSON.parse(readFileSync(join(state, "run/watchdog.json"), "utf8")) as WatchdogReport;
}

describe("the watchdog kills all that its owner left, recorded or not", () => {
  test("when the owner is SIGKILLed", async () => {
    const owner = await startOwner(60_000);
    owner.child.kill("SIGKILL");
    await allDead(owner, 1_000);
    const said = await report(owner);
    expect(said).toMatchObject({
      isComplete: true,
      signalled: 4,
      sandboxes: [{ name: `wd-${cycle}-lab-1`, status: "gone" }],
    });
    expect(said.cause).toContain("is dead");
  });

  test("when the owner is SIGSTOPped", async () => {
    const owner = await startOwner(400);
    owner.child.kill("SIGSTOP");
    await allDead(owner, 2_000);
    expect((await report(owner)).cause).toContain("silent for over 400 ms");
    owner.child.kill("SIGKILL");
  });

  test("when the owner's event loop is blocked", async () => {
    const owner = await startOwner(400);
    owner.child.stdin?.write("block\n");
    await allDead(owner, 2_000);
    expect((await report(owner)).cause).toContain("silent");
    owner.child.kill("SIGKILL");
  });

  test("when the latch is set while the owner is well, at once", async () => {
    const owner = await startOwner(60_000);
    setLatch(state, { who: "ada", why: "drill" }, systemClock);
    expect(await allDead(owner, 10_000)).toBeLessThan(10_000);
    expect((await report(owner)).cause).toBe("the latch is set: drill (ada)");
    owner.child.kill("SIGKILL");
  });

  test.each<[string, Partial<Leases>, string]>([
    ["a create of it hangs past its deadline", { createGraceMs: 200 }, "has hung"],
    ["it does not get on", { stepMs: 1_500 }, "has not moved"],
    ["its cycle lives too long", { cycleMs: 1_500 }, "has lived for over"],
  ])("when the owner's heart beats, and %s", async (_, leases, cause) => {
    const owner = await startOwner(60_000, leases);
    owner.child.stdin?.write("hang\n");
    await allDead(owner, 10_000);
    expect((await report(owner)).cause).toMatch(new RegExp(`lives but is stuck: .*${cause}`));
    owner.child.kill("SIGKILL");
  });

  test("when the state directory is taken away", async () => {
    const owner = await startOwner(60_000);
    await expect.poll(() => statSync(join(state, "journal.jsonl")).size).toBeGreaterThan(100);
    // The watchdog reads the journal every 50 ms; what it has not read it cannot remember.
    await new Promise((later) => setTimeout(later, 200));
    rmSync(state, { recursive: true });
    await allDead(owner, 1_000);
    owner.child.kill("SIGKILL");
  });

  test("when it is told to by a signal", async () => {
    const owner = await startOwner(60_000);
    process.kill(owner.watchdog.pid, "SIGTERM");
    await allDead(owner, 1_000);
    expect((await report(owner)).cause).toBe("told by SIGTERM");
    owner.child.kill("SIGKILL");
  });
});

test("it goes home quietly when the owner is done, and harms nobody", async () => {
  const owner = await startOwner(60_000);
  expect([...liveCycles()]).toContain(cycle);
  owner.child.stdin?.write("done\n");
  await once(owner.child, "exit");
  expect(isAlive(owner.watchdog)).toBe(false);
  expect(owner.pids.filter(isAlive)).toHaveLength(4);
  expect([...liveCycles()]).not.toContain(cycle);
  expect(readFileSync(join(state, "run/watchdog.log"), "utf8")).toBe("");
});

test("its owner is told when it dies", async () => {
  await using watchdog = await startWatchdog({ stateDir: state, cycle });
  expect(await watchdog.isAlive()).toBe(true);
  killProcess(watchdog.process);
  expect(await watchdog.died).toBe("the watchdog died");
  expect(await watchdog.isAlive()).toBe(false);
});

test("one that is stopped exists and does not answer: it counts as none, and going home it is ended", async () => {
  const watchdog = await startWatchdog({ stateDir: state, cycle, answerMs: 300 });
  process.kill(watchdog.process.pid, "SIGSTOP");
  expect(isAlive(watchdog.process)).toBe(true);
  expect(await watchdog.isAlive()).toBe(false);
  process.kill(watchdog.process.pid, "SIGCONT");
  await expect.poll(() => watchdog.isAlive(), { timeout: 5_000 }).toBe(true);
  process.kill(watchdog.process.pid, "SIGSTOP");
  expect(await watchdog.died).toBe("the watchdog does not answer");
  killProcess(watchdog.process);
  await watchdog.done();
});

test("a second owner of one state directory is refused", async () => {
  await using watchdog = await startWatchdog({ stateDir: state, cycle });
  await expect(startWatchdog({ stateDir: state, cycle: `${cycle}b` })).rejects.toThrow(OperatorError);
  expect(await watchdog.isAlive()).toBe(true);
});

test("it is not started over a set latch", async () => {
  setLatch(state, { who: "ada", why: "drill" }, systemClock);
  await expect(startWatchdog({ stateDir: state, cycle })).rejects.toThrow(Stopped);
});

describe("destroying all", () => {
  const entry = (more: Partial<OpenEntry>): OpenEntry => ({
    cycle,
    name: `wd-${cycle}-lab-1`,
    driver: "fake",
    isBorn: true,
    deadline: new Date(0).toISOString(),
    processes: [],
    hints: {},
    ...more,
  });
  const doom = (open: OpenEntry[]) => () => ({ cycle, gateways: [], open });

  test("a pid that another process has now is left alone", async () => {
    const child = spawn("sleep", ["300"], { stdio: "ignore" });
    await once(child, "spawn");
    const done = await destroyAll(doom([entry({ processes: [{ pid: child.pid ?? 0, startTime: "1" }] })]));
    expect(done).toMatchObject({ isComplete: true, signalled: 0 });
    expect(child.exitCode).toBeNull();
    child.kill("SIGKILL");
  });

  test("two looks in a row must be empty", async () => {
    expect((await destroyAll(doom([]))).rounds).toBe(2);
  });

  test("a create that was under way is waited for until its deadline", async () => {
    const deadline = new Date(Date.now() + 300).toISOString();
    const start = performance.now();
    const done = await destroyAll(doom([entry({ isBorn: false, deadline })]));
    expect(done.isComplete).toBe(true);
    expect(performance.now() - start).toBeGreaterThan(290);
  });

  test("one at an outside service is never called gone, and it is said when its lease ends it", async () => {
    const child = spawn("sleep", ["300"], { stdio: "ignore" });
    await once(child, "spawn");
    const id = processId(child.pid ?? 0);
    const hints = { leaseEndsWithinMs: 120_000 };
    const before = Date.now();
    const done = await destroyAll(doom([entry({ processes: id ? [id] : [], isBorn: false, hints })]));
    expect(done).toMatchObject({ isComplete: false, sandboxes: [{ status: "not-looked" }] });
    const [said] = done.sandboxes;
    const endsAt = /its lease ends it at (\S+)/.exec(said?.status === "not-looked" ? said.reason : "")?.[1] ?? "";
    expect(Date.parse(endsAt) - before).toBeGreaterThanOrEqual(120_000);
    expect(Date.parse(endsAt) - before).toBeLessThan(150_000);
    expect(id !== undefined && isAlive(id)).toBe(false);
  });

  test("what cannot be ended in time is named, not taken for dead", async () => {
    const deadline = new Date(Date.now() + 60_000).toISOString();
    const done = await destroyAll(doom([entry({ isBorn: false, deadline })]), 100);
    expect(done).toMatchObject({ isComplete: false, sandboxes: [{ status: "left" }] });
  });

  describe("through an engine's socket", () => {
    let engine: Server;
    const asked: string[] = [];
    const listen = async (answer: (ask: number) => number | undefined): Promise<string> => {
      asked.length = 0;
      engine = createServer((request, response) => {
        const status = answer(asked.push(`${request.method} ${request.url}`));
        if (status !== undefined) response.writeHead(status).end();
      });
      const socket = join(state, "engine.sock");
      engine.listen(socket);
      await once(engine, "listening");
      return socket;
    };
    afterEach(() => {
      engine.closeAllConnections();
      engine.close();
    });

    test("a container is removed by force, and asked for again until the engine knows nothing of it", async () => {
      const socket = await listen((ask) => [204, 409][ask - 1] ?? 404);
      const done = await destroyAll(doom([entry({ hints: { engineSocket: socket } })]));
      expect(done.isComplete).toBe(true);
      expect(asked.length).toBeGreaterThanOrEqual(4);
      expect(new Set(asked)).toEqual(new Set([`DELETE /containers/wd-${cycle}-lab-1?force=1&v=1`]));
    });

    test("an engine that is frozen does not hold up the killing, and does not count as looked at", async () => {
      const socket = await listen(() => undefined);
      const child = spawn("sleep", ["300"], { stdio: "ignore" });
      await once(child, "spawn");
      const id = processId(child.pid ?? 0);
      const finished = destroyAll(doom([entry({ processes: id ? [id] : [], hints: { engineSocket: socket } })]));
      await once(child, "exit", { signal: AbortSignal.timeout(200) });
      expect(await finished).toMatchObject({ isComplete: false, sandboxes: [{ status: "not-looked" }] });
      expect(asked).toHaveLength(2);
    });

    test("an engine that refuses leaves its container standing", async () => {
      const socket = await listen(() => 500);
      const done = await destroyAll(doom([entry({ hints: { engineSocket: socket } })]), 300);
      expect(done).toMatchObject({
        isComplete: false,
        sandboxes: [{ status: "left", evidence: "the engine answered 500" }],
      });
    });
  });
});
