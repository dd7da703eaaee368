import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { z } from "zod";
import { OperatorError } from "../base/errors.ts";
import { HASH_BYTES } from "./tree.ts";

/**
 * The caller's side of the signer: a process of its own that holds the key and signs nothing but extensions of what
 * it signed last. Spoken to in JSON lines over its standard input and output; it ends when its input does.
 */
export type Signer = {
  ask(request: SignerRequest): Promise<SignerAnswer>;
  close(): Promise<void>;
};

const Base64Hash = z.base64().length(4 * Math.ceil(HASH_BYTES / 3));

export const SignerRequest = z.discriminatedUnion("ask", [
  /** What was signed last; size 0 when nothing was. */
  z.strictObject({ ask: z.literal("last") }),
  z.strictObject({
    ask: z.literal("sign"),
    /** The size that `proof` starts from. */
    from: z.int().nonnegative(),
    size: z.int().nonnegative(),
    root: Base64Hash,
    proof: z.array(Base64Hash).max(110),
  }),
]);
export type SignerRequest = z.infer<typeof SignerRequest>;

export const SignerAnswer = z.discriminatedUnion("status", [
  z.strictObject({ status: z.literal("last"), size: z.int().nonnegative(), root: Base64Hash }),
  z.strictObject({ status: z.literal("signed"), note: z.string().max(4096) }),
  /** Something else was signed since `from`: ask again from there. */
  z.strictObject({ status: z.literal("moved") }),
  z.strictObject({ status: z.literal("refused"), reason: z.string().max(500) }),
  /** The signer itself cannot work: its disk, its key. */
  z.strictObject({ status: z.literal("failed"), reason: z.string().max(500) }),
]);
export type SignerAnswer = z.infer<typeof SignerAnswer>;

/** Starts the process at the first question and again should it have died. `origin` is used when the key is made. */
export function startSigner(directory: string, origin: string, deadlineMs: number): Signer {
  let running: Running | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  return {
    ask(request) {
      // One question at a time: an answer then needs no number to be matched by.
      const answer = queue.then(() => {
        if (running === undefined || running.hasEnded()) running = run(directory, origin);
        return running.ask(request, deadlineMs);
      });
      queue = answer.catch(() => undefined);
      return answer;
    },
    async close() {
      await queue;
      await running?.end(deadlineMs);
      running = undefined;
    },
  };
}

type Running = {
  ask(request: SignerRequest, deadlineMs: number): Promise<SignerAnswer>;
  hasEnded(): boolean;
  end(deadlineMs: number): Promise<void>;
};

function run(directory: string, origin: string): Running {
  const child = spawn(process.execPath, [PROGRAM, directory, origin], {
    env: {},
    stdio: ["pipe", "pipe", "inherit"],
  });
  // A caller that forgets to close, or dies of an error, is not held back by the signer; each question has a timer.
  child.unref();
  for (const stream of [child.stdin, child.stdout]) if (stream instanceof Socket) stream.unref();
  let waiting: ((line: string | undefined) => void) | undefined;
  const answer = (line: string | undefined) => waiting?.(line);
  createInterface({ input: child.stdout }).on("line", answer);
  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  }).then(() => answer(undefined));
  // Writing to a signer that has died shows as its end, above, which says more than EPIPE does.
  child.stdin.on("error", () => undefined);
  return {
    hasEnded: () => child.killed || child.exitCode !== null || child.signalCode !== null || child.pid === undefined,
    async ask(request, deadlineMs) {
      const line = new Promise<string | undefined>((resolve) => {
        waiting = resolve;
      });
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return parseAnswer(await within(line, deadlineMs, child));
    },
    async end(deadlineMs) {
      child.stdin.end();
      // What it signed is on its disk before it answers, so one that does not end by itself loses nothing by SIGKILL.
      const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Beside this file, with the same ending: .ts as it stands, .js when built. */
const PROGRAM = import.meta.filename.replace(/signer(\.[jt]s)$/, "signerProcess$1");

function parseAnswer(line: string | undefined): SignerAnswer {
  if (line === undefined) throw new OperatorError("the log's signer has ended", "look at what it printed above");
  const answer = SignerAnswer.safeParse(JSON.parse(line));
  if (answer.success) return answer.data;
  throw new TypeError("the signer's answer has another shape", { cause: answer.error });
}

/** A signer that does not answer is killed, so that the next question gets a fresh one. */
async function within<T>(answer: Promise<T>, deadlineMs: number, child: ChildProcess): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    late.reject(new OperatorError(`the log's signer did not answer within ${deadlineMs} ms`, "run it again"));
  }, deadlineMs);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
