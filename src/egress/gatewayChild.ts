import { fork } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { messageOf } from "../base/errors.ts";
import { FromGateway, type Setup, type ToGateway } from "./messages.ts";

/** The gateway process as CONTROL holds it: messages that were checked, and an end that is always seen. */
export type GatewayChild = {
  readonly pid: number;
  /** Resolves with how it ended, and what it last printed. */
  readonly exited: Promise<string>;
  /**
   * Hands on what it says from now on; it says nothing before the first sandbox is admitted. `onBroken` is called when it
   * says something that is no message of ours.
   */
  listen(onMessage: (message: FromGateway) => void, onBroken: (thrown: unknown) => void): void;
  send(message: ToGateway): void;
  /**
   * Sends a message that is answered when it is done; `socket` goes with it and is closed here. Rejects when the process
   * ends before.
   */
  ask(message: (id: number) => ToGateway, socket?: Socket): Promise<void>;
  /** SIGTERM, at which it closes its sockets before all else, and soon SIGKILL, whatever it was doing. Idempotent. */
  kill(): void;
};

export type ChildStart = { status: "started"; child: GatewayChild } | { status: "failed"; reason: string };

/** A flood of short requests fills young space before old: without a bound on it the process takes 290 MiB, with it 180, as fast. */
export const HEAP = ["--max-semi-space-size=4", "--max-old-space-size=512"];

/** Nothing of ours. glibc gives each thread a heap of its own, which for the few that Node starts is 10 MB and no use. */
const ENVIRONMENT = { MALLOC_ARENA_MAX: "1" };

const PRINTED_MAX = 8 * 1024;

/**
 * For a process whose loop is free ten times what it needs to close its sockets, also where many others want the processor.
 * Sooner would be later: what SIGKILL meets before that closes them last, in 20 ms at best.
 */
const GRACE_MS = 50;

/**
 * Forks the gateway process and waits until it is ready. The model's key goes over IPC: it is in no argument and in
 * no environment. Killed when `signal` aborts while it starts.
 */
export async function startChild(setup: Setup, signal: AbortSignal): Promise<ChildStart> {
  let hear: (message: FromGateway) => void = () => undefined;
  let complain: (thrown: unknown) => void = () => undefined;
  const process = fork(entry(), [], { env: ENVIRONMENT, execArgv: HEAP, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let printed = "";
  process.stderr?.setEncoding("utf8").on("data", (text: string) => {
    printed = (printed + text).slice(-PRINTED_MAX);
  });
  const exited = new Promise<string>((resolve) => {
    process.once("error", (error) => resolve(messageOf(error)));
    process.once("exit", (code, name) => resolve([name ?? `exit code ${code}`, printed.trim()].join(" ").trim()));
  });
  const waiting = new Map<number, () => void>();
  const start = Promise.withResolvers<string | null>();
  process.on("message", (raw) => {
    const parsed = FromGateway.safeParse(raw);
    if (!parsed.success)
      return complain(new Error("the gateway process sent no message of ours", { cause: parsed.error }));
    const message = parsed.data;
    if (message.type === "ready") start.resolve(null);
    else if (message.type === "failed") start.resolve(message.message);
    else if (message.type === "done") waiting.get(message.id)?.();
    else hear(message);
  });
  // A message to a process that is gone is lost; that it is gone is what `exited` says.
  const send = (message: ToGateway, socket?: Socket) =>
    void process.send(message, socket, undefined, () => undefined);
  let deadline: NodeJS.Timeout | undefined;
  const kill = () => {
    if (deadline !== undefined) return;
    process.kill("SIGTERM");
    deadline = setTimeout(() => process.kill("SIGKILL"), GRACE_MS);
  };
  void exited.then(() => clearTimeout(deadline));
  signal.addEventListener("abort", kill, { once: true });
  send({ type: "setup", setup });
  const reason = await Promise.race([start.promise, exited]);
  signal.removeEventListener("abort", kill);
  if (reason !== null || process.pid === undefined) {
    kill();
    await exited;
    return { status: "failed", reason: reason ?? "it has no process id" };
  }
  let asked = 0;
  const child: GatewayChild = {
    pid: process.pid,
    exited,
    listen(onMessage, onBroken) {
      hear = onMessage;
      complain = onBroken;
    },
    send: (message) => send(message),
    kill,
    async ask(message, socket) {
      const id = asked++;
      const done = new Promise<null>((resolve) => waiting.set(id, () => resolve(null)));
      send(message(id), socket);
      const end = await Promise.race([done, exited]);
      waiting.delete(id);
      if (end !== null) throw new Error(`the gateway process is gone: ${end}`);
    },
  };
  return { status: "started", child };
}

/** The same file as source and, compiled, in the published package. */
function entry(): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`./gatewayProcess.${extension}`, import.meta.url));
}
