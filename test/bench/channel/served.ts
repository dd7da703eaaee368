import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { build } from "esbuild";
import { exec } from "../../../src/base/exec.ts";
import { asSocket } from "../../../src/egress/attach.ts";
import { HEAP } from "../../../src/egress/gatewayChild.ts";
import type { Task, TaskResult } from "../../../src/guest/wire.ts";
import type { Driver } from "../../../src/sandbox/sandbox.ts";
import { socketPair } from "../../../src/sandbox/socketPair.ts";
import type { Bed } from "../bed.ts";
import { mbPerSecond } from "../figure.ts";
import type { Done, Job } from "./wire.ts";

/** A guest of the bench at the far end of a channel that a process of its own serves, as the gateway process does. */
export type Served = AsyncDisposable & {
  mbPerSecond(kind: "down" | "up"): Promise<number>;
  run(task: Omit<Task, "id">): Promise<TaskResult>;
};

const BULK_BYTES = 128 * 1024 * 1024;

/** The guest runtime with the bench's guest in the shim's place. */
export async function benchGuest(bed: Bed): Promise<string> {
  const guest = bed.fresh("guest");
  // Links: the runtime's files are large, and none is written to.
  await exec(["cp", "-al", "--", bed.image.guest, guest]);
  await exec(["rm", "--", join(guest, "shim.mjs")]);
  await bundle(join(guest, "shim.mjs"));
  return guest;
}

async function bundle(outfile: string): Promise<void> {
  const entry = join(import.meta.dirname, "guest.ts");
  const options = { bundle: true, platform: "node", format: "esm", target: "node24", logLevel: "silent" } as const;
  await build({ entryPoints: [entry], outfile, ...options });
}

export async function servedSandbox(driver: Driver, guest: string, bed: Bed): Promise<Served> {
  const sandbox = await driver.create({ ...bed.spec(), guest }, bed.signal);
  return served(sandbox.channel, () => sandbox.kill());
}

/** The same program at the same socket, and no sandbox around it. Its proxy listens on `port`. */
export async function servedChild(bed: Bed, port: number): Promise<Served> {
  const directory = bed.fresh("plain");
  mkdirSync(directory);
  await bundle(join(directory, "guest.mjs"));
  const { near, far } = await socketPair();
  const env = { BENCH_PROXY_PORT: String(port) };
  const child = spawn(process.execPath, [join(directory, "guest.mjs")], { stdio: [far, far, "inherit"], env });
  far.destroy();
  return served(near, () => ended(child));
}

async function served(channel: Duplex, end: () => Promise<void>): Promise<Served> {
  const server = fork(join(import.meta.dirname, "serverProcess.ts"), [], { env: {}, execArgv: [...HEAP] });
  const died = once(server, "exit").then(() =>
    Promise.reject(new Error("the process that serves the channel ended")),
  );
  const gone = Promise.withResolvers<never>();
  const waiting: ((done: Done) => void)[] = [];
  server.on("message", (message: Done | { kind: "gone" }) => {
    if (message.kind === "done") waiting.shift()?.(message);
    else gone.reject(new Error("the guest's channel ended"));
  });
  // Whoever waits for a job sees it; at the end of it all nobody does.
  for (const one of [died, gone.promise]) one.catch(() => undefined);
  const send = (message: Job | { kind: "serve" }, socket?: Socket) => void server.send(message, socket);
  send({ kind: "serve" }, await asSocket(channel));
  const ask = async (job: Job) => {
    const done = new Promise<Done>((resolve) => waiting.push(resolve));
    send(job);
    return (await Promise.race([done, died, gone.promise])).result;
  };
  let tasks = 0;
  return {
    mbPerSecond: (kind) => mbPerSecond(BULK_BYTES, () => ask({ kind, bytes: BULK_BYTES })),
    async run(task) {
      const result = await ask({ kind: "run", task: { ...task, id: `b${tasks++}` } });
      if (result === null) throw new Error("no result came of a task");
      return result;
    },
    async [Symbol.asyncDispose]() {
      await ended(server);
      await end();
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}
