import { Duplex } from "node:stream";

/** What a connection attached to a container carries, taken apart. */
export type Attached = {
  /** Standard input and output as bytes; end of input is passed on, end of output ends it. */
  channel: Duplex;
  stderrTail(): string;
};

const HEADER_BYTES = 8;
const STDERR_BYTES_MAX = 16 * 1024;
const STDOUT = 1;
const STDERR = 2;

/**
 * Without a terminal the engine frames output: one byte for the stream, three of zero, four of length, big-endian, then that many
 * bytes (Docker Engine API, "Attach to a container"). Frames come in any pieces. Reads no more than the reader takes.
 */
export function attached(socket: Duplex): Attached {
  let tail = Buffer.alloc(0);
  const header = Buffer.alloc(HEADER_BYTES);
  let headerBytes = 0;
  let kind = 0;
  let left = 0;

  const takeHeader = (chunk: Buffer): number => {
    const taken = chunk.copy(header, headerBytes, 0, HEADER_BYTES - headerBytes);
    headerBytes += taken;
    if (headerBytes < HEADER_BYTES) return taken;
    headerBytes = 0;
    kind = header.readUInt8(0);
    left = header.readUInt32BE(4);
    if (kind > STDERR) channel.destroy(new Error(`the engine sent a frame of unknown kind ${kind}`));
    return taken;
  };
  const takePayload = (chunk: Buffer): void => {
    left -= chunk.length;
    if (kind === STDERR) tail = Buffer.concat([tail, chunk]).subarray(-STDERR_BYTES_MAX);
    else if (kind === STDOUT && !channel.push(chunk)) socket.pause();
  };
  const channel = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk: Buffer) => {
    for (let at = 0; at < chunk.length && !channel.destroyed; ) {
      if (left === 0) {
        at += takeHeader(chunk.subarray(at));
        continue;
      }
      const payload = chunk.subarray(at, at + left);
      takePayload(payload);
      at += payload.length;
    }
  });
  socket.once("end", () => channel.push(null));
  socket.once("error", (error) => channel.destroy(error));
  socket.once("close", () => {
    if (!channel.readableEnded && !socket.readableEnded) channel.destroy();
  });
  socket.pause();
  return { channel, stderrTail: () => tail.toString("utf8") };
}
