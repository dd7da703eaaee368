import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { findProcesses, holdsName, isAlive, killProcess, processId } from "../../src/stop/processes.ts";

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function start(program: string, args: string[], argv0 = program): Promise<number> {
  const child = spawn(program, args, { argv0, stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  if (child.pid === undefined) throw new Error("no pid");
  return child.pid;
}

test("a process is named by pid and start time, and dies by that name", async () => {
  const id = processId(await start("sleep", ["300"]));
  if (id === undefined) throw new Error("not there");
  expect(id.startTime).toMatch(/^\d+$/);
  expect(isAlive(id)).toBe(true);
  expect(killProcess(id)).toBe("signalled");
  await expect.poll(() => isAlive(id)).toBe(false);
  expect(killProcess(id)).toBe("gone");
});

test("a pid that was handed out again is not killed", async () => {
  const pid = await start("sleep", ["300"]);
  const former = { pid, startTime: "1" };
  expect(isAlive(former)).toBe(false);
  expect(killProcess(former)).toBe("gone");
  expect(processId(pid)).toBeDefined();
});

test("a program whose name holds spaces and parentheses is read right", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weakdoor-processes-"));
  try {
    const program = join(directory, "a) R 1 (b");
    copyFileSync("/bin/sleep", program);
    const id = processId(await start(program, ["300"]));
    const plain = processId(await start("sleep", ["300"]));
    expect(Number(id?.startTime)).toBeGreaterThan(100);
    expect(Number(plain?.startTime) - Number(id?.startTime)).toBeLessThan(1_000);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a zombie is dead", async () => {
  // The shell becomes a sleep that never waits for its child.
  const pid = await start("sh", ["-c", "sleep 0 & exec sleep 300"]);
  await expect.poll(() => zombiesOf(pid).length).toBe(1);
  const zombie = processId(zombiesOf(pid)[0] ?? 0);
  if (zombie === undefined) throw new Error("not there");
  expect(isAlive(zombie)).toBe(false);
});

test("processes are found by their command line, and never the one who looks", async () => {
  const name = `wd-test-${process.pid}`;
  const pid = await start("sleep", ["300"], name);
  expect(findProcesses((p) => holdsName(p.commandLine, name)).map((p) => p.pid)).toEqual([pid]);
  expect(findProcesses((p) => p.pid === process.pid || p.pid === process.ppid)).toEqual([]);
});

test.each([
  ["/run/wd-a-lab-1/x", true, "between separators"],
  ["--id=wd-a-lab-1", true, "at the end"],
  ["wd-a-lab-10 wd-a-lab-1", true, "whole at its second place"],
  ["wd-a-lab-10", false, "the name of another sandbox"],
  ["xwd-a-lab-1", false, "the tail of another name"],
  ["", false, "nothing there"],
])("%j holds the name wd-a-lab-1: %s (%s)", (text, expected) => {
  expect(holdsName(text, "wd-a-lab-1")).toBe(expected);
});

function zombiesOf(parent: number): number[] {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8");
  return children
    .split(" ")
    .map(Number)
    .filter((pid) => pid > 0 && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
}
