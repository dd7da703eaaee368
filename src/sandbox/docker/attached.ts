import { Socket } from "node:net";
import { messageOf, OperatorError } from "../../base/errors.ts";
import { socketPair } from "../socketPair.ts";
import { unframed } from "./frames.ts";

/** The one connection to a container's standard streams. */
export type Attached = {
  /** Standard input and output as bytes, and a socket that can be given away; the end of either side is passed on. */
  channel: Socket;
  stderrTail(): string;
};

const READ_BYTES = 256 * 1024;
const STDERR_BYTES_MAX = 16 * 1024;
const HEAD_BYTES_MAX = 16 * 1024;
const HINT = "see the engine's log";

/**
 * Attaches to a container that has not been started yet. Everything that the guest sends comes by here, so it is read into
 * one buffer that is used again and again: with one for each read, the collector takes as long as the copying. That is why
 * the connection is our own; dockerode's is read by its HTTP parser. Rejects with the engine's refusal, which has its
 * `statusCode`, with OperatorError when it hangs up or babbles, or with the signal's reason; then nothing is left open.
 */
export async function attach(enginePath: string, containerId: string, signal: AbortSignal): Promise<Attached> {
  signal.throwIfAborted();
  const { near, far } = await socketPair();
  const answered = Promise.withResolvers<void>();
  let tail = Buffer.alloc(0);
  const take = unframed({
    stdout: (bytes) => void far.write(bytes, goOn),
    stderr(bytes) {
      tail = Buffer.concat([tail, bytes]).subarray(-STDERR_BYTES_MAX);
    },
  });
  const passHead = headReader(answered);
  const engine = new Socket({
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback(length, buffer) {
        const piece = passHead(Buffer.from(buffer.buffer, buffer.byteOffset, length));
        far.cork();
        try {
          take(piece);
        } catch (thrown) {
          engine.destroy(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
        }
        far.uncork();
        // What the kernel has not taken yet lies in the buffer still: nothing more is read into it until then.
        return far.writableLength === 0;
      },
    },
  });
  const goOn = () => {
    if (far.writableLength === 0) engine.resume();
  };
  join(engine, far);
  engine.once("error", answered.reject);
  engine.once("close", () => answered.reject(new OperatorError("the engine hung up on an attach", HINT)));
  const onAbort = () => engine.destroy(new Error("aborted"));
  signal.addEventListener("abort", onAbort, { once: true });
  engine.connect(enginePath);
  engine.write(
    `POST /containers/${containerId}/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  );
  try {
    await answered.promise;
    signal.throwIfAborted();
  } catch (thrown) {
    engine.destroy();
    near.destroy();
    throw signal.aborted ? signal.reason : thrown;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  return { channel: near, stderrTail: () => tail.toString("utf8") };
}

/** What comes from `far` goes to the engine; each one's end and break is the other's. */
function join(engine: Socket, far: Socket): void {
  far.on("data", (chunk: Buffer) => {
    if (!engine.write(chunk)) far.pause();
  });
  engine.on("drain", () => far.resume());
  far.once("end", () => engine.end());
  engine.once("end", () => far.end());
  far.once("close", () => engine.destroy());
  // After an orderly end what is still to be written is written first.
  engine.once("close", () => {
    if (!engine.readableEnded) far.destroy();
  });
  // Either is followed by its close.
  for (const one of [engine, far]) one.on("error", () => undefined);
}

/** Takes the head of the engine's answer off what comes, settles `answered` by it, and hands on the rest. */
function headReader(answered: PromiseWithResolvers<void>): (piece: Buffer) => Buffer {
  let head: Buffer | null = Buffer.alloc(0);
  return (piece) => {
    if (head === null) return piece;
    head = Buffer.concat([head, piece]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) {
      if (head.length > HEAD_BYTES_MAX)
        answered.reject(new OperatorError("the engine's answer to an attach has no end", HINT));
      return Buffer.alloc(0);
    }
    const rest = head.subarray(end + 4);
    const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(head.toString("latin1", 0, end))?.[1]);
    head = null;
    if (status === 101 || status === 200) {
      answered.resolve();
      return rest;
    }
    const refusal = new Error(`the engine does not attach: HTTP ${status} ${rest.toString("utf8").trim()}`);
    answered.reject(Object.assign(refusal, { statusCode: status }));
    return Buffer.alloc(0);
  };
}
