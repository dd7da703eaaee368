import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { runTask } from "../../../src/guest/shim/task.ts";
import type { Task } from "../../../src/guest/wire.ts";
import { isAlive, processId } from "../../../src/stop/processes.ts";

test("a task runs without a shell and says how it ended", async () => {
  const result = await runTask(task(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"]));
  expect(result).toMatchObject({ code: 3, signal: null, stdout: "out\n", stderr: "err\n", isTimedOut: false });
  expect((await runTask(task(["/bin/echo", "$HOME; id"]))).stdout).toBe("$HOME; id\n");
});

test("standard input is handed over, and a program that does not read it is no failure", async () => {
  expect((await runTask(task(["/bin/cat"], { stdin: "ünïcode" }))).stdout).toBe("ünïcode");
  expect((await runTask(task(["/bin/true"], { stdin: "x".repeat(1_000_000) }))).code).toBe(0);
});

test("a task sees its own environment and the proxy's address, nothing else", async () => {
  const { stdout } = await runTask(task(["/usr/bin/env"], { env: { ONLY: "this" } }));
  const names = stdout
    .trim()
    .split("\n")
    .map((line) => line.split("=")[0]);
  expect(new Set(names)).toEqual(
    new Set([
      "HTTPS_PROXY",
      "HTTP_PROXY",
      "NODE_USE_ENV_PROXY",
      "NO_PROXY",
      "ONLY",
      "no_proxy",
      "http_proxy",
      "https_proxy",
    ]),
  );
});

test("inside a tool of the target a task sees what the tool made of the environment, and not our proxy", async () => {
  const env = { http_proxy: "http://tool.example", KEY: "masked", PATH: "/tool/bin", SHLVL: "3", HOME: undefined };
  const inherited = { env, through: ["KEY", "HOME", "PATH"] };
  const own = { KEY: "plain", HOME: "/home/dev", PATH: "/usr/bin", OWN: "task" };
  const { stdout } = await runTask(task(["/usr/bin/env"], { env: own }), inherited);
  expect(new Set(stdout.trim().split("\n"))).toEqual(
    new Set(["http_proxy=http://tool.example", "KEY=masked", "PATH=/usr/bin", "OWN=task"]),
  );
});

test("output over the limit is cut and said to be", async () => {
  const result = await runTask(task(["/bin/sh", "-c", "yes | head -c 100000"], { outputBytesMax: 1000 }));
  expect(result.stdout.length).toBe(1000);
  expect(result.isTruncated).toBe(true);
});

test("bytes that are no text, and text that grows in JSON, still make a result", async () => {
  const { stdout } = await runTask(task(["/usr/bin/printf", "\\377\\376a\\0b"]));
  expect(stdout).toBe("\ufffd\ufffda\0b");
  const big = await runTask(task(["/usr/bin/head", "-c", "8388608", "/dev/zero"], { outputBytesMax: 8_388_608 }));
  expect(big.isTruncated).toBe(true);
  expect(Buffer.byteLength(JSON.stringify(big))).toBeLessThan(32 * 1024 * 1024);
});

test("a task over its time is killed with its children", async () => {
  const result = await runTask(
    task(["/bin/sh", "-c", "trap '' TERM; sleep 31.7 & echo $!; sleep 31.7"], { timeoutMs: 200 }),
  );
  expect(result).toMatchObject({ code: null, signal: "SIGKILL", isTimedOut: true });
  await sleep(50);
  expect(isRunning(Number(result.stdout))).toBe(false);
});

test("a child left behind in the group dies with its task and does not hold it up", async () => {
  const result = await runTask(task(["/bin/sh", "-c", "sleep 31.7 & echo $!"]));
  expect(result.durationMs).toBeLessThan(2_000);
  await sleep(50);
  expect(isRunning(Number(result.stdout))).toBe(false);
});

test("a program that is not there is code 127 with the reason", async () => {
  const result = await runTask(task(["/no/such/program"]));
  expect(result).toMatchObject({ code: 127, signal: null, stdout: "" });
  expect(result.stderr).toContain("/no/such/program");
  expect((await runTask(task(["/bin/true"], { cwd: "/no/such/place" }))).code).toBe(127);
});

function task(argv: [string, ...string[]], more: Partial<Task> = {}): Task {
  return { id: "t1", run: { argv }, env: {}, cwd: "/", stdin: "", timeoutMs: 5_000, outputBytesMax: 65_536, ...more };
}

/** A zombie that its new parent has not collected yet runs no more. */
function isRunning(pid: number): boolean {
  const id = processId(pid);
  return id !== undefined && isAlive(id);
}
