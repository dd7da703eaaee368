import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { buried } from "../../src/sandbox/buried.ts";
import { isAlive, killProcess, processId } from "../../src/stop/processes.ts";

async function sleeper() {
  const child = spawn("sleep", ["300"], { stdio: "ignore" });
  await once(child, "spawn");
  const id = processId(child.pid ?? 0);
  if (id === undefined) throw new Error("it has no process id");
  return id;
}

test("it is over when the last of them is dead", async () => {
  const both = [await sleeper(), await sleeper()];
  const burial = buried(both, 30_000);
  for (const one of both) killProcess(one);
  await burial;
  expect(both.filter(isAlive)).toEqual([]);
});

test("one that does not die is not waited for without end", async () => {
  const id = await sleeper();
  await buried([id], 20);
  expect(isAlive(id)).toBe(true);
  killProcess(id);
  await buried([id], 30_000);
});

test("nobody, or one that is long dead, takes no time to bury", async () => {
  await expect(buried([], 0)).resolves.toBeUndefined();
  await expect(buried([{ pid: process.pid, startTime: "another's" }], 60_000)).resolves.toBeUndefined();
});
