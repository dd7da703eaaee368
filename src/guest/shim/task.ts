import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { errnoOf, messageOf } from "../../base/errors.ts";
import { guestArgv } from "../argv.ts";
import { PROXY_PORT } from "../constants.ts";
import type { Task, TaskResult } from "../wire.ts";

const STDOUT_BYTES_MAX = 8 * 1024 * 1024;
const STDERR_BYTES_MAX = 256 * 1024;
/** As JSON; the broker reads no longer message. */
const RESULT_BYTES_MAX = 30 * 1024 * 1024;
/** A daemon in a session of its own may hold the pipes; what it prints after the program's end is not waited for. */
const DRAIN_MS = 300;

/**
 * What a tool that stands around the shim made of the environment it was started with: proxies of its own, masked values.
 * Tasks see that, as the agent would, and not our proxy.
 */
export type Inherited = {
  env: Readonly<Record<string, string | undefined>>;
  /** Names that were handed to the tool: of these its word counts and not the task's, also when it took one away. */
  through: readonly string[];
};

/**
 * Runs one program to its end without a shell, in a process group of its own that is killed when it ends or its time is
 * up. Never rejects: a program that cannot be started is code 127 with the reason on standard error, as a shell has it.
 */
export function runTask(task: Task, inherited?: Inherited): Promise<TaskResult> {
  const startedMs = performance.now();
  const [program, ...args] = "argv" in task.run ? task.run.argv : guestArgv(task.run.program, task.run.args);
  return new Promise((resolve) => {
    let isTimedOut = false;
    const finish = (code: number | null, signal: string | null, stdout: Taken, stderr: Taken) => {
      clearTimeout(timer);
      const isTruncated = stdout.isTruncated() || stderr.isTruncated();
      const durationMs = performance.now() - startedMs;
      resolve(
        fitted({
          id: task.id,
          code,
          signal,
          stdout: stdout.text(),
          stderr: stderr.text(),
          isTruncated,
          isTimedOut,
          durationMs,
        }),
      );
    };
    const child = spawn(program, args, { cwd: task.cwd, env: envOf(task, inherited), stdio: "pipe", detached: true });
    const timer = setTimeout(() => {
      isTimedOut = true;
      killGroup(child);
    }, task.timeoutMs);
    const stdout = taken(child.stdout, Math.min(task.outputBytesMax, STDOUT_BYTES_MAX));
    const stderr = taken(child.stderr, Math.min(task.outputBytesMax, STDERR_BYTES_MAX));
    // A program that ends without reading its input closes the pipe: its exit code tells more than EPIPE does.
    child.stdin.on("error", () => undefined);
    child.stdin.end(task.stdin);
    child.once("error", (error) => {
      if (child.pid === undefined)
        finish(127, null, said(""), said(`could not start ${program}: ${messageOf(error)}`));
    });
    child.once("exit", (code, signal) => {
      killGroup(child);
      const give = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_MS);
      child.once("close", () => {
        clearTimeout(give);
        finish(code, signal, stdout, stderr);
      });
    });
  });
}

/** The task's own environment over the proxy's address, and nothing of the shim's but what it is to pass on. */
function envOf(task: Task, inherited: Inherited | undefined): Record<string, string> {
  if (inherited !== undefined) return throughTool(task.env, inherited);
  const proxy = `http://127.0.0.1:${PROXY_PORT}`;
  return {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    NODE_USE_ENV_PROXY: "1",
    // What listens inside is reached as it is, the proxy itself first of all.
    NO_PROXY: "127.0.0.1,localhost",
    no_proxy: "127.0.0.1,localhost",
    ...task.env,
  };
}

/** The tool's own search path, and what the shells on the way leave behind. */
const OF_THE_WAY = new Set(["PATH", "PWD", "OLDPWD", "SHLVL", "_"]);

function throughTool(own: Task["env"], { env, through }: Inherited): Record<string, string> {
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !OF_THE_WAY.has(entry[0]),
  );
  const added = Object.entries(own).filter(([name]) => OF_THE_WAY.has(name) || !through.includes(name));
  return Object.fromEntries([...passed, ...added]);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (thrown) {
    if (errnoOf(thrown) !== "ESRCH") throw thrown;
  }
}

type Taken = { text(): string; isTruncated(): boolean };

function taken(stream: Readable, bytesMax: number): Taken {
  const chunks: Buffer[] = [];
  let length = 0;
  let truncated = false;
  stream.on("data", (chunk: Buffer) => {
    const room = bytesMax - length;
    if (chunk.length > room) truncated = true;
    if (room <= 0) return;
    chunks.push(chunk.subarray(0, room));
    length += Math.min(chunk.length, room);
  });
  return { text: () => Buffer.concat(chunks).toString("utf8"), isTruncated: () => truncated };
}

function said(text: string): Taken {
  return { text: () => text, isTruncated: () => false };
}

/** Control characters grow sixfold in JSON: what would be too long to hand in loses its tail and says so. */
function fitted(result: TaskResult): TaskResult {
  let fit = result;
  while (Buffer.byteLength(JSON.stringify(fit)) > RESULT_BYTES_MAX)
    fit = { ...fit, stdout: fit.stdout.slice(0, fit.stdout.length / 2), isTruncated: true };
  return fit;
}
