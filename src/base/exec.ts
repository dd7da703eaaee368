import { spawn } from "node:child_process";

export type ExecOptions = {
  cwd?: string;
  /** The whole environment; the default is PATH alone, so that nothing of ours leaks into a tool. */
  env?: Record<string, string>;
  stdin?: string | Uint8Array;
  timeoutMs?: number;
  /** Per stream; what is over it is dropped and `isTruncated` says so. */
  outputBytesMax?: number;
  signal?: AbortSignal;
};

export type ExecResult = {
  /** null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
  isTruncated: boolean;
  isTimedOut: boolean;
};

/** The PATH handed to every tool we run; never the caller's, which an attacker may own. */
export const TOOL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Runs one program to its end, without a shell, and takes what it printed. A code other than 0 is a value, not an error.
 * Throws the spawn error (ENOENT when the program is not there) and, when `signal` aborts, its reason; the child is
 * killed with SIGKILL in both cases and on time-out.
 */
export function exec(argv: readonly [string, ...string[]], options: ExecOptions = {}): Promise<ExecResult> {
  const [program, ...rest] = argv;
  const bytesMax = options.outputBytesMax ?? 4 * 1024 * 1024;
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return reject(options.signal.reason);
    const child = spawn(program, rest, { cwd: options.cwd, env: options.env ?? { PATH: TOOL_PATH }, stdio: "pipe" });
    const out = collector(bytesMax);
    const err = collector(bytesMax);
    let isTimedOut = false;
    const timer = setTimeout(() => {
      isTimedOut = true;
      child.kill("SIGKILL");
    }, options.timeoutMs ?? 60_000);
    const onAbort = () => child.kill("SIGKILL");
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const settle = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    };
    child.stdout.on("data", (chunk: Buffer) => out.take(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.take(chunk));
    // A program that ends without reading its input closes the pipe: its exit code tells more than EPIPE does.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.stdin);
    child.once("error", (error) => {
      settle();
      reject(error);
    });
    child.once("close", (code) => {
      settle();
      if (options.signal?.aborted) return reject(options.signal.reason);
      resolve({
        code,
        stdout: out.text(),
        stderr: err.text(),
        isTruncated: out.isTruncated() || err.isTruncated(),
        isTimedOut,
      });
    });
  });
}

function collector(bytesMax: number) {
  const chunks: Buffer[] = [];
  let length = 0;
  let truncated = false;
  return {
    take(chunk: Buffer) {
      const room = bytesMax - length;
      if (chunk.length > room) truncated = true;
      if (room <= 0) return;
      chunks.push(chunk.subarray(0, room));
      length += Math.min(chunk.length, room);
    },
    text: () => Buffer.concat(chunks).toString("utf8"),
    isTruncated: () => truncated,
  };
}
