import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { processId } from "../../src/stop/processes.ts";
import { killRegistered, registeredAlive } from "../../src/stop/registered.ts";
import type { ProcessId } from "../../src/stop/stop.ts";

/** Directories that look like control groups of two hierarchies of version 1: the kernel is not asked. */
let home: string;
let cgroups: string[];
let children: ChildProcess[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "wd-reg-"));
  cgroups = ["memory", "pids"].map((name) => mkdtempSync(join(home, name)));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

async function sleeper(): Promise<ProcessId> {
  const child = spawn("sleep", ["300"], { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  const id = processId(child.pid ?? 0);
  if (id === undefined) throw new Error("it has no process id");
  return id;
}

function holding(...ids: ProcessId[]): void {
  for (const directory of cgroups)
    writeFileSync(join(directory, "cgroup.procs"), ids.map(({ pid }) => `${pid}\n`).join(""));
}

test("a process is named once, in however many control groups it stands", async () => {
  const [first, helper] = [await sleeper(), await sleeper()];
  holding(first, helper);
  expect(registeredAlive({ processes: [first], hints: { cgroups } })).toEqual([first, helper]);
});

test("one that has the pid of a recorded one that is dead is still a member of the control group", async () => {
  const member = await sleeper();
  holding(member);
  const dead = { ...member, startTime: "1" };
  expect(registeredAlive({ processes: [dead], hints: { cgroups } })).toEqual([member]);
});

test("all of them are killed, and none is alive when there is no control group any more", async () => {
  const [first, helper] = [await sleeper(), await sleeper()];
  holding(first, helper);
  const ended = children.map((child) => once(child, "exit"));
  killRegistered({ processes: [first], hints: { cgroups } });
  expect(await Promise.all(ended)).toEqual([
    [null, "SIGKILL"],
    [null, "SIGKILL"],
  ]);
  for (const directory of cgroups) rmSync(directory, { recursive: true });
  expect(cgroups.some(existsSync)).toBe(false);
  expect(registeredAlive({ processes: [first], hints: { cgroups } })).toEqual([]);
});

test("we are never among those who are killed", () => {
  holding({ pid: process.pid, startTime: "0" });
  expect(registeredAlive({ processes: [], hints: { cgroups } })).toEqual([]);
});
