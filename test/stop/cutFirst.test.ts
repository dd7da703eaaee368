import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { cutFirst } from "../../src/stop/cutFirst.ts";
import { isAlive, killProcess, processId } from "../../src/stop/processes.ts";

const gateway = { pid: 1, startTime: "0" };

test("the cut is over when every gateway is gone, not when it was told to end", async () => {
  const events: string[] = [];
  let looks = 0;
  await cutFirst(
    [gateway, gateway],
    () => events.push("kill"),
    () => {
      if (++looks < 5) return true;
      events.push("gone");
      return false;
    },
  );
  expect(events).toEqual(["kill", "kill", "gone", "gone"]);
});

test("a gateway that does not die holds the killing up for no longer than a moment", async () => {
  let looks = 0;
  await cutFirst(
    [gateway],
    () => undefined,
    () => ++looks > 0,
  );
  expect(looks).toBeGreaterThan(0);
});

test("a living process is gone afterwards, and without any there is nothing to wait for", async () => {
  const child = spawn("sleep", ["300"], { stdio: "ignore" });
  await once(child, "spawn");
  const id = processId(child.pid ?? 0);
  if (id === undefined) throw new Error("it has no process id");
  const exited = once(child, "exit");
  await cutFirst([id], killProcess);
  expect(await exited).toEqual([null, "SIGKILL"]);
  expect(isAlive(id)).toBe(false);
  await cutFirst([], () => expect.unreachable());
});
