import { Duplex, type Readable, type Writable } from "node:stream";

/**
 * Two pipes as one stream. The end of the input is the end of it all, because whoever held the other side is gone; an
 * error of either destroys it. Destroying it destroys both. Up to `heldBytesMax` are taken from the input before somebody
 * reads them.
 */
export function joined(input: Readable, output: Writable, heldBytesMax: number): Duplex {
  const both = new Duplex({
    readableHighWaterMark: heldBytesMax,
    read: () => void input.resume(),
    write: (chunk: Buffer, _encoding, done) => void output.write(chunk, done),
    // A frame's head and its payload come as two chunks: together they are one system call, and wake the reader once.
    writev(chunks, done) {
      output.cork();
      chunks.forEach(({ chunk }, i) => void output.write(chunk, i === chunks.length - 1 ? done : undefined));
      output.uncork();
    },
    final: (done) => void output.end(done),
    destroy: (error, done) => {
      input.destroy();
      output.destroy();
      done(error);
    },
  });
  input.on("data", (chunk: Buffer) => {
    if (!both.push(chunk)) input.pause();
  });
  input.once("end", () => both.push(null));
  input.once("close", () => both.destroy());
  input.on("error", (error) => both.destroy(error));
  output.on("error", (error) => both.destroy(error));
  return both;
}
