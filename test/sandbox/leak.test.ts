import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { drivers } from "../../src/sandbox/all.ts";
import { scratchSpec } from "../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import { type Provisioned, provision, runDirectoryOf } from "../../src/sandbox/provision.ts";
import { scratchBroker } from "../../src/sandbox/scratchBroker.ts";
import { appendEntry, readJournal } from "../../src/stop/journal.ts";
import { netnsHolders, netnsOf } from "../../src/stop/netns.ts";
import { killProcess, processId } from "../../src/stop/processes.ts";
import { start, weakdoor } from "../support/weakdoor.ts";

/** A helper that leaked: it bears no name of ours, and still holds a piece of the sandbox. */
let home: string;
let state: string;
let image: Image;
let planted: ChildProcess[];
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "wd-leak-"));
  image = await prepareImage(join(home, "cache"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));
beforeEach(() => {
  state = mkdtempSync(join(home, "s-"));
  planted = [];
});
afterEach(() => {
  for (const child of planted) child.kill("SIGKILL");
});

async function make(kind = "bubblewrap"): Promise<Provisioned> {
  const driver = drivers({ runDirectory: runDirectoryOf(state) }).find((one) => one.kind === kind);
  if (driver === undefined) throw new Error(`no driver ${kind}`);
  const signal = new AbortController().signal;
  const sandbox = await provision(
    driver,
    scratchSpec({ image, cycle: `leak${process.pid}x${randomInt(1_000_000_000)}`, signal }),
    {
      stateDir: state,
      clock: systemClock,
      signal,
      watchdog: { isAlive: () => true },
      onCertificate: () => undefined,
    },
  );
  await scratchBroker(sandbox.channel).hello;
  return sandbox;
}

/** A process of the host's in the sandbox's network namespace, as gVisor's gofer is. Resolves when it is in. */
async function plantIn(pid: number): Promise<ChildProcess> {
  const child = spawn("nsenter", [`--net=/proc/${pid}/ns/net`, "sleep", "300"], { stdio: "ignore" });
  planted.push(child);
  await once(child, "spawn");
  const wanted = readlinkSync(`/proc/${pid}/ns/net`);
  await expect.poll(() => readlinkSync(`/proc/${child.pid}/ns/net`), { interval: 5 }).toBe(wanted);
  return child;
}

describe.each(["bubblewrap", "runsc"])("of a %s sandbox", (kind) => {
  test("one in its network namespace makes the certificate unverified, and gone it is destroyed", async () => {
    const sandbox = await make(kind);
    const gofer = await plantIn(sandbox.pid);
    const certificate = await sandbox.end();
    expect(certificate.status).toBe("unverified");
    const left = certificate.looks.filter(({ status }) => status !== "clean");
    expect(left).toMatchObject([{ what: "network namespaces", status: "left" }]);
    expect(JSON.stringify(left)).toContain(`pid ${gofer.pid} (sleep 300)`);

    const swept = await weakdoor("sweep", "--own", "--state", state);
    expect(swept, swept.out).toMatchObject({ code: 30 });
    expect(swept.out).toMatch(new RegExp(`unverified +${sandbox.name} .*pid ${gofer.pid}`));
    gofer.kill("SIGKILL");
    await once(gofer, "exit");
    const again = await weakdoor("sweep", "--own", "--state", state);
    expect(again, again.out).toMatchObject({ code: 0 });
  });

  test("one in its control group, or of its birth, is killed with it", async () => {
    const sandbox = await make(kind);
    const helper = spawn("sleep", ["300"], { stdio: "ignore" });
    planted.push(helper);
    await once(helper, "spawn");
    for (const directory of sandbox.hints?.cgroups ?? [])
      writeFileSync(join(directory, "cgroup.procs"), `${helper.pid}`);
    const exited = once(helper, "exit");
    expect((await sandbox.end()).status).toBe("destroyed");
    expect(await exited).toEqual([null, "SIGKILL"]);
    const born = readJournal(state).entries.find((entry) => entry.kind === "born");
    // gVisor's sentry and its gofer are in one each.
    const namespaces = born?.kind === "born" ? born.hints.netns : [];
    expect(namespaces).toHaveLength(kind === "runsc" ? 2 : 1);
  });
});

test("a mount of its network namespace is a trace, too", async () => {
  const sandbox = await make();
  const place = join(home, "held");
  writeFileSync(place, "");
  expect(spawnSync("mount", ["--bind", `/proc/${sandbox.pid}/ns/net`, place]).status).toBe(0);
  const certificate = await sandbox.end();
  expect(spawnSync("umount", [place]).status).toBe(0);
  expect(certificate.looks.filter(({ status }) => status !== "clean")).toMatchObject([
    { what: "network namespaces", evidence: expect.stringContaining(place) as string },
  ]);
});

test("whoever came into a namespace of that number after the sandbox's end is somebody else", async () => {
  const before = new Date();
  await expect.poll(() => Date.now() - before.getTime()).toBeGreaterThan(100);
  const child = spawn("unshare", ["-n", "sleep", "300"], { stdio: "ignore" });
  planted.push(child);
  await expect.poll(() => netnsOf(child.pid ?? 0)).toBeDefined();
  const inode = netnsOf(child.pid ?? 0) ?? "";
  expect(netnsHolders(inode, before).held).toEqual([]);
  expect(netnsHolders(inode, new Date()).held).toEqual([expect.stringContaining(`pid ${child.pid} (`)]);
  expect(netnsOf(process.pid)).toBeUndefined();
});

test("in a whole cycle it is told, and the exit code says so", { timeout: 180_000 }, async () => {
  const running = start(["run", "--demo", "--state", state, "--reports", join(home, "reports")]);
  await running.says("  target ");
  const lab = readJournal(state).entries.findLast((entry) => entry.kind === "born" && entry.name.includes("-lab-"));
  if (lab?.kind !== "born") throw new Error("no lab");
  const gofer = await plantIn(lab.processes[0]?.pid ?? 0);
  const ended = await running.ended;
  expect(ended, ended.err).toMatchObject({ code: 30 });
  expect(ended.out + ended.err).toContain(lab.name);
  const refused = await weakdoor("run", "--demo", "--state", state, "--reports", join(home, "reports"));
  expect(refused.code, refused.err).toBe(2);
  expect(refused.err).toContain(`pid ${gofer.pid}`);
});

test("a start refuses over what stands at a backend that is not there, until a person who saw it gone says so", {
  timeout: 180_000,
}, async () => {
  const name = "wd-c20260101-000000-abcdef-lab-1";
  const at = new Date(0).toISOString();
  const cycle = "c20260101-000000-abcdef";
  appendEntry(state, { kind: "intent", cycle, name, driver: "docker-kata", hints: {}, at, deadline: at });
  const leaked = spawn("sleep", ["300"], { stdio: "ignore" });
  planted.push(leaked);
  await once(leaked, "spawn");
  const id = processId(leaked.pid ?? 0);
  appendEntry(state, { kind: "born", cycle, name, driver: "docker-kata", processes: id ? [id] : [], hints: {}, at });
  const args = ["run", "--demo", "--state", state, "--reports", join(home, "reports")];
  const refused = await weakdoor(...args);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.err).toContain(
    `${name} of an earlier cycle may still be there: its backend, docker-kata, is not there`,
  );
  // What the journal knows of it was killed all the same.
  await expect.poll(() => leaked.signalCode).toBe("SIGKILL");
  expect(await weakdoor("sweep", "--own", "--state", state)).toMatchObject({ code: 30 });
  expect(await weakdoor("sweep", "--own", "--forget", name, "--state", state)).toMatchObject({ code: 2 });
  expect(await weakdoor("sweep", "--own", "--forget", name, "--reason", "I looked", "--state", state)).toMatchObject({
    code: 0,
  });
  expect((await weakdoor("log", "show", "--state", state)).out).toContain("sandbox.forgotten");
  const running = start(args);
  await running.says("  lab ");
  const owner = processId(running.child.pid ?? 0);
  if (owner !== undefined) killProcess(owner);
  await running.ended;
});
