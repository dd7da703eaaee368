import type { IncomingMessage } from "node:http";
import { Readable, Writable } from "node:stream";
import { messageOf } from "../../base/errors.ts";
import { accepted, type Daemon } from "./daemon.ts";
import { BrokenStream, encodeFrame, type Frame, frameReader, LastMessage, ProcessEvent } from "./frames.ts";

/**
 * A process in an E2B machine with its standard streams as bytes, by the daemon's `process.Process`. E2B's own client
 * gives text, in which bytes that are no UTF-8 are lost, and keeps all of it for ever (measured with 2.51.0), so a
 * channel cannot ride on it.
 */
export type Remote = {
  pid: number;
  /** Back-pressure reaches the process: nothing is read from the network that nobody takes. */
  stdout: Readable;
  /** What is written while a call is on its way goes into the next one, as much as INPUT_BYTES_MAX of it. */
  stdin: Writable;
  /** Never rejects. */
  ended: Promise<Ended>;
  /** Lets go of it without ending it. */
  release(): void;
};

export type Ended = { status: "exited"; code: number } | { status: "broken"; reason: string };

export type RemoteOptions = {
  argv: readonly [string, ...string[]];
  onStderr: (chunk: Buffer) => void;
  signal?: AbortSignal;
};

/** One call takes a round trip: through one of 30 ms naive writing gave 1 MB/s, and this 12 MB/s (measured). */
export const INPUT_BYTES_MAX = 1024 * 1024;

/** Starts it as the machine's root with no more in its environment than PATH. Rejects when it does not start. */
export async function startRemote(daemon: Daemon, options: RemoteOptions): Promise<Remote> {
  const [cmd, ...args] = options.argv;
  const { outgoing, answer } = daemon.call("/process.Process/Start", {
    headers: {
      "content-type": "application/connect+json",
      "connect-protocol-version": "1",
      // No time limit. The daemon's own would end the process.
      "connect-timeout-ms": 0,
      "keepalive-ping-interval": 50,
      authorization: `Basic ${Buffer.from("root:").toString("base64")}`,
    },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const envs = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
  outgoing.end(encodeFrame({ process: { cmd, args, envs, cwd: "/" }, stdin: true }));
  const incoming = await answer;
  if (incoming.statusCode !== 200) await accepted(incoming, "a start");
  return following(daemon, incoming, options.onStderr);
}

async function following(
  daemon: Daemon,
  incoming: IncomingMessage,
  onStderr: (chunk: Buffer) => void,
): Promise<Remote> {
  const started = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<Ended>();
  const reader = frameReader();
  let outcome: Ended | undefined;
  const stdout = new Readable({
    highWaterMark: INPUT_BYTES_MAX,
    read: () => void incoming.resume(),
    destroy(error, done) {
      incoming.destroy();
      done(error);
    },
  });
  const finish = (how: Ended): void => {
    ended.resolve(how);
    started.reject(
      new BrokenStream(how.status === "broken" ? how.reason : `it exited with ${how.code} before it began`),
    );
    stdout.push(null);
  };
  const onFrame = ({ isLast, message }: Frame): void => {
    if (isLast) {
      const { error } = LastMessage.parse(message);
      outcome ??= {
        status: "broken",
        reason: error === undefined ? "it ended without a word" : `${error.code} ${error.message}`,
      };
      return finish(outcome);
    }
    const { event } = ProcessEvent.parse(message);
    if ("start" in event) started.resolve(event.start.pid);
    else if ("end" in event) outcome = { status: "exited", code: event.end.exitCode };
    else if ("data" in event) {
      if (event.data.stderr !== undefined) onStderr(Buffer.from(event.data.stderr, "base64"));
      const out = event.data.stdout;
      if (out !== undefined && !stdout.push(Buffer.from(out, "base64"))) incoming.pause();
    }
  };
  incoming.on("data", (chunk: Buffer) => {
    try {
      for (const frame of reader.take(chunk)) onFrame(frame);
    } catch (thrown) {
      finish({ status: "broken", reason: messageOf(thrown) });
      incoming.destroy();
    }
  });
  const cut = (why: string): void => finish(outcome ?? { status: "broken", reason: why });
  incoming.once("end", () => cut(reader.isBetween() ? "the stream ended early" : "the stream ended within a frame"));
  incoming.once("error", (error) => cut(`the stream broke off: ${error.message}`));
  incoming.once("close", () => cut("the stream was closed"));
  const pid = await started.promise;
  return { pid, stdout, stdin: inputOf(daemon, pid), ended: ended.promise, release: () => incoming.destroy() };
}

/** In the order written, one call after the other. A call that fails ends it with that error. */
function inputOf(daemon: Daemon, pid: number): Writable {
  const send = async (bytes: Buffer, done: (error?: Error | null) => void): Promise<void> => {
    try {
      for (let at = 0; at < bytes.length; at += INPUT_BYTES_MAX) {
        const stdin = bytes.subarray(at, at + INPUT_BYTES_MAX).toString("base64");
        await daemon.unary("/process.Process/SendInput", { process: { pid }, input: { stdin } });
      }
      done();
    } catch (thrown) {
      done(asError(thrown));
    }
  };
  const close = async (done: (error?: Error | null) => void): Promise<void> => {
    try {
      await daemon.unary("/process.Process/CloseStdin", { process: { pid } });
      done();
    } catch (thrown) {
      done(asError(thrown));
    }
  };
  return new Writable({
    highWaterMark: INPUT_BYTES_MAX,
    write: (chunk: Buffer, _encoding, done) => void send(chunk, done),
    writev: (chunks, done) => void send(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done),
    final: (done) => void close(done),
  });
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

export type RunResult = { code: number; stdout: string; stderr: string };

const OUTPUT_BYTES_MAX = 256 * 1024;

/** Runs a script in the machine's own shell, as its root, to its end. Rejects when it breaks off or says more than 256 KiB. */
export async function runRemote(daemon: Daemon, script: string, signal: AbortSignal): Promise<RunResult> {
  let stderr = "";
  const remote = await startRemote(daemon, {
    argv: ["/bin/sh", "-c", script],
    signal,
    onStderr: (chunk) => {
      stderr = (stderr + chunk.toString("utf8")).slice(-OUTPUT_BYTES_MAX);
    },
  });
  // A script that ends before its input is closed is no worse for it.
  remote.stdin.on("error", () => undefined);
  try {
    remote.stdin.end();
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of remote.stdout) {
      length += (chunk as Buffer).length;
      if (length > OUTPUT_BYTES_MAX) throw new BrokenStream("a script said more than it should");
      chunks.push(chunk as Buffer);
    }
    const how = await remote.ended;
    signal.throwIfAborted();
    if (how.status === "broken") throw new BrokenStream(how.reason);
    return { code: how.code, stdout: Buffer.concat(chunks).toString("utf8"), stderr };
  } finally {
    remote.release();
  }
}
