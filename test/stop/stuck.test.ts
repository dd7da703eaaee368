import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { prepareImage } from "../../src/sandbox/image.ts";
import { openEntries, readJournal } from "../../src/stop/journal.ts";
import { readLatch, setLatch } from "../../src/stop/latch.ts";
import { findProcesses, holdsName, killProcess, processId } from "../../src/stop/processes.ts";
import { watchdogOf } from "../../src/stop/startWatchdog.ts";
import type { ProcessId } from "../../src/stop/stop.ts";
import { openStore } from "../../src/store/openStore.ts";
import { weakdoor } from "../support/weakdoor.ts";

/** Real sandboxes whose owner hangs in every way that we know. The limits only tell dead from alive. */
const OWNER = resolve(import.meta.dirname, "../support/realOwner.ts");
const STALE_MS = 1_500;
const LIMIT_MS = 20_000;

let home: string;
let state: string;
let owners: ProcessId[];
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "wd-stuck-"));
  await prepareImage(join(home, "cache"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));
beforeEach(() => {
  state = mkdtempSync(join(home, "s-"));
  owners = [];
});
afterEach(endOwners);

async function endOwners(): Promise<void> {
  for (const id of owners) killProcess(id);
  const left = () => findProcesses((p) => p.commandLine.includes(state)).map(({ commandLine }) => commandLine);
  await expect.poll(left, { timeout: LIMIT_MS }).toEqual([]);
}

type Owner = {
  child: ChildProcessByStdio<Writable, Readable, Readable>;
  name: string;
  /** Waits for a line on its standard output. */
  says(line: string): Promise<void>;
  output(): string;
};

async function startOwner(kind: string, stateDir = state, descriptorsMax = 4_096): Promise<Owner> {
  const order = {
    stateDir,
    cache: join(home, "cache"),
    cycle: `stuck${process.pid}x${randomInt(1_000_000_000)}`,
    kind,
    staleMs: STALE_MS,
  };
  const argv = ["-c", `ulimit -n ${descriptorsMax}; exec "$@"`, "sh", process.execPath, OWNER, JSON.stringify(order)];
  const child = spawn("/bin/sh", argv, { stdio: ["pipe", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const says = async (line: string): Promise<void> => {
    await expect.poll(() => out + err, { timeout: LIMIT_MS, interval: 10 }).toContain(line);
  };
  await says("ready ");
  const id = processId(child.pid ?? 0);
  if (id !== undefined) owners.push(id);
  return { child, says, name: /ready (\S+)/.exec(out)?.[1] ?? "", output: () => out };
}

const alive = (name: string) => findProcesses((p) => holdsName(p.commandLine, name) || holdsName(p.cgroup, name));

async function allGone({ name }: Owner): Promise<void> {
  expect(name).toMatch(/^wd-/);
  await expect.poll(() => alive(name), { timeout: LIMIT_MS, interval: 20 }).toEqual([]);
}

describe.each(["bubblewrap", "runsc"])("a %s sandbox dies", (kind) => {
  test.each<[string, (owner: Owner) => unknown, string]>([
    ["is killed by SIGKILL", ({ child }) => child.kill("SIGKILL"), "is dead"],
    ["is stopped by SIGSTOP", ({ child }) => child.kill("SIGSTOP"), "has been silent"],
    ["has its event loop blocked", ({ child }) => child.stdin.write("block\n"), "has been silent"],
  ])("when its owner %s, and a sweep then certifies it", async (_, mistreat, cause) => {
    const owner = await startOwner(kind);
    expect(alive(owner.name).length).toBeGreaterThan(0);
    mistreat(owner);
    await allGone(owner);
    await expect.poll(() => watchdogOf(state), { timeout: LIMIT_MS }).toBeUndefined();
    expect(readFileSync(join(state, "run/watchdog.json"), "utf8")).toContain(cause);
    owner.child.kill("SIGKILL");
    const swept = await weakdoor("sweep", "--own", "--state", state);
    expect(swept.out).toContain(`destroyed  ${owner.name}`);
    expect(openEntries(readJournal(state).entries)).toEqual([]);
  });
});

test("with owner and watchdog both stopped, weakdoor kill does it alone, and rearm waits until they have ended", async () => {
  const owner = await startOwner("bubblewrap");
  const watchdog = watchdogOf(state);
  if (watchdog === undefined) throw new Error("no watchdog");
  openStore(state).close();
  const before = await weakdoor("status", "--state", state);
  expect(before.out).toMatch(
    /owner: +pid \d+, running, last heartbeat [\d.]+ s ago\nwatchdog: +pid \d+, watching\nlease: +until /,
  );
  expect(before.out).toMatch(new RegExp(`sandbox: +${owner.name}, bubblewrap, for [\\d.]+ s`));
  process.kill(watchdog.pid, "SIGSTOP");
  owner.child.kill("SIGSTOP");
  const stopped: unknown = JSON.parse((await weakdoor("status", "--json", "--state", state)).out);
  expect(stopped).toMatchObject({ owner: { status: "stopped" }, watchdog: { status: "stopped" } });
  const killing = weakdoor("kill", "--reason", "both hang", "--state", state);
  await expect.poll(() => readLatch(state).status, { timeout: LIMIT_MS }).toBe("set");
  const early = await weakdoor("rearm", "--reason", "too soon", "--state", state);
  expect(early).toMatchObject({ code: 2 });
  const killed = await killing;
  expect(killed, killed.err).toMatchObject({ code: 0 });
  expect(killed.out).toContain("has yet to end");
  expect(alive(owner.name)).toEqual([]);

  const refused = await weakdoor("rearm", "--reason", "still there", "--state", state);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.err).toContain(`kill -9 ${watchdog.pid}`);
  owner.child.kill("SIGKILL");
  killProcess(watchdog);
  await expect.poll(() => watchdogOf(state)).toBeUndefined();
  expect(await weakdoor("rearm", "--reason", "both ended", "--state", state)).toMatchObject({ code: 0 });
  const log = await weakdoor("log", "show", "--state", state);
  expect(log.out).toContain("kill.rearmed");
});

test("a second kill during the first is told who was first, and both end with nothing left", async () => {
  const owner = await startOwner("bubblewrap");
  const both = await Promise.all(["one", "two"].map((why) => weakdoor("kill", "--reason", why, "--state", state)));
  await allGone(owner);
  for (const one of both) expect(one, one.err).toMatchObject({ code: 0 });
  const first = both.map(({ out }) => out.split("\n")[0]);
  expect(first).toContain("latch set");
  expect(first).toContainEqual(expect.stringMatching(/^the latch was set before, by .*: (one|two)$/));
});

test("with no descriptor left in the owner, the latch still kills, and nothing is called destroyed that nobody could look for", async () => {
  const owner = await startOwner("bubblewrap", state, 128);
  owner.child.stdin.write("descriptors\n");
  await owner.says("EMFILE");
  setLatch(state, { who: "ada", why: "drill" }, systemClock);
  await allGone(owner);
  // The sandbox's own end gives descriptors back: whoever then looks with them has looked.
  expect(owner.output()).not.toMatch(/^destroyed, [1-9]/m);
  owner.child.kill("SIGKILL");
  await expect.poll(() => watchdogOf(state), { timeout: LIMIT_MS }).toBeUndefined();
  expect((await weakdoor("sweep", "--own", "--state", state)).out).toContain(`destroyed  ${owner.name}`);
});

describe("a disk that is", () => {
  let mounted: string;
  beforeEach(() => {
    mounted = join(state, "m");
    mkdirSync(mounted);
    run("mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "weakdoor-test", mounted);
  });
  afterEach(async () => {
    await endOwners();
    run("umount", "-l", mounted);
  });

  test("full: weakdoor kill stops everything all the same", async () => {
    const owner = await startOwner("bubblewrap", mounted);
    expect(() => writeFileSync(join(mounted, "filler"), Buffer.alloc(4 << 20))).toThrow("ENOSPC");
    const killed = await weakdoor("kill", "--reason", "full", "--state", mounted);
    await allGone(owner);
    expect(killed, killed.err).toMatchObject({ code: 0 });
    expect(killed.out).toContain("nothing of ours lives");
    expect(readLatch(mounted)).toMatchObject({ status: "set", why: "full" });
  });

  test("read-only for whoever pulls: weakdoor kill stops everything, and says that the latch is not set", async () => {
    const owner = await startOwner("bubblewrap", mounted);
    // The kernel makes no file system read-only under an open file, so it is so for the one who kills.
    const script =
      'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && state=$1 && shift && exec "$@" --state "$state"';
    const kill = [process.execPath, resolve("src/main.ts"), "kill", "--reason", "read-only"];
    const killed = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", mounted, ...kill], { encoding: "utf8" });
    await allGone(owner);
    expect(killed.status, killed.stderr).toBe(2);
    expect(killed.stderr).toContain("cannot be set");
    expect(readLatch(mounted).status).toBe("clear");
  });
});

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}
