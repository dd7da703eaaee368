import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";

const ROOT = resolve(import.meta.dirname, "../..");
const MAIN = join(ROOT, "src/main.ts");

export type Ended = { code: number | null; out: string; err: string; ms: number };

export type Running = {
  child: ChildProcessByStdio<null, Readable, Readable>;
  /** Resolves when standard error has the text; rejects when the process ends without it. */
  says(text: string): Promise<void>;
  ended: Promise<Ended>;
};

/** The command line as a user has it: a process of its own, with a clean environment. */
export function start(args: readonly string[], env: Record<string, string> = {}): Running {
  const startMs = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = new Promise<Ended>((done) => {
    child.once("close", (code) => done({ code, out, err, ms: performance.now() - startMs }));
  });
  return {
    child,
    ended,
    says: (text) =>
      new Promise((done, fail) => {
        const look = () => {
          if (err.includes(text)) done();
        };
        child.stderr.on("data", look);
        void ended.then(() => fail(new Error(`it ended and never said ${text}: ${err}${out}`)));
        look();
      }),
  };
}

export function weakdoor(...args: string[]): Promise<Ended> {
  return start(args).ended;
}

/** Command lines of living processes that hold the text: how a sandbox, a gateway or a watchdog of a cycle is found. */
export function processesWith(text: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return line.includes(text) ? [`${pid} ${line.slice(0, 160)}`] : [];
      } catch {
        return []; // It ended while we looked.
      }
    });
}
