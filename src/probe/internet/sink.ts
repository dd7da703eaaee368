import { type ChildProcess, spawn } from "node:child_process";
import { extname, join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import { TOOL_PATH } from "../../base/exec.ts";
import { killProcess, processId } from "../../stop/processes.ts";
import type { ProcessId } from "../../stop/stop.ts";
import { FromSink, type Told, type ToSink } from "./messages.ts";

/** CONTROL's end of the sink's process. */
export type Sink = {
  readonly process: ProcessId;
  /** Gives the certificate of the authority that signs for its names, where it was asked to. */
  listen(what: Omit<Extract<ToSink, { type: "listen" }>, "type">): Promise<string | undefined>;
  /** What arrived since it began. Rejects when it does not answer: nobody then knows what arrived. */
  told(): Promise<Told>;
  /** Which of these ports answer at the target to one who stands at `from`. */
  dial(where: { host: string; from: string; ports: readonly number[] }): Promise<number[]>;
  /** SIGKILL, and its namespace ends with it. Idempotent. */
  end(): Promise<void>;
};

/** Bounds for a machine that is beside itself, and no wait on any other. */
const START_MS = 30_000;
const ANSWER_MS = 20_000;

/**
 * Starts it in a new network namespace in which there is not even a loopback. It bears the sandbox's name, so that whoever
 * ends a sandbox by name ends it too. Throws when it does not start.
 */
export async function startSink(sandbox: string): Promise<Sink> {
  const program = join(import.meta.dirname, `sinkProcess${extname(import.meta.filename)}`);
  // `unshare` becomes the program, so the pid is the sink's own.
  const child = spawn("unshare", ["--net", "--", process.execPath, program, "--sandbox", sandbox], {
    cwd: "/",
    env: { PATH: TOOL_PATH },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const id = child.pid === undefined ? undefined : processId(child.pid);
  if (id === undefined) throw new Error("unshare cannot be started");
  try {
    await firstWord(child, exited);
  } catch (thrown) {
    killProcess(id);
    throw thrown;
  }
  // It keeps nobody from ending: its own end follows ours.
  child.unref();
  child.channel?.unref();
  const ask = asking(child, exited);
  let asked = 0;
  const nextId = () => ++asked;
  return {
    process: id,
    async listen(what) {
      const answer = await ask(
        { type: "listen", ...what },
        (said) => said.type === "ready" || said.type === "failed",
      );
      if (answer.type === "failed") throw new Error(`the sink cannot listen: ${answer.message}`);
      return answer.type === "ready" ? answer.authority : undefined;
    },
    async told() {
      const number = nextId();
      const answer = await ask(
        { type: "tell", id: number },
        (said) => said.type === "arrivals" && said.id === number,
      );
      if (answer.type !== "arrivals") throw new Error("the sink answered something else");
      return answer;
    },
    async dial({ host, from, ports }) {
      if (ports.length === 0) return [];
      const number = nextId();
      const answer = await ask(
        { type: "dial", id: number, host, from, ports: [...ports] },
        (said) => said.type === "dialled" && said.id === number,
      );
      if (answer.type !== "dialled") throw new Error("the sink answered something else");
      return answer.answered;
    },
    async end() {
      killProcess(id);
      child.ref();
      await exited;
    },
  };
}

/** The pid is there before the namespace is: `unshare` has still to begin. */
async function firstWord(child: ChildProcess, exited: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve("it said nothing"), START_MS);
  const up = new Promise<"up">((resolve) => child.once("message", () => resolve("up")));
  const outcome = await Promise.race([up, late.promise, exited.then(() => "it ended at once")]);
  clearTimeout(timer);
  if (outcome !== "up") throw new Error(outcome);
}

type Ask = (message: ToSink, isAnswer: (said: FromSink) => boolean) => Promise<FromSink>;

function asking(child: ChildProcess, exited: Promise<void>): Ask {
  return (message, isAnswer) =>
    new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        clearTimeout(timer);
        child.off("message", onMessage);
        then();
      };
      const fail = (reason: string): void => settle(() => reject(new Error(`the sink ${reason}`)));
      const onMessage = (raw: unknown): void => {
        const parsed = FromSink.safeParse(raw);
        if (!parsed.success) fail(`speaks of something else: ${messageOf(parsed.error).slice(0, 120)}`);
        else if (isAnswer(parsed.data)) settle(() => resolve(parsed.data));
      };
      const timer = setTimeout(() => fail("does not answer"), ANSWER_MS);
      child.on("message", onMessage);
      void exited.then(() => fail("has ended"));
      if (child.connected)
        child.send(message, (error) => error !== null && fail(`cannot be asked: ${error.message}`));
      else fail("has ended");
    });
}
