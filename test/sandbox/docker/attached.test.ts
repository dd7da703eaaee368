import { once } from "node:events";
import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { attached } from "../../../src/sandbox/docker/attached.ts";

/** A connection to an engine of which the test holds the far end. */
function connection() {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  return { socket, written: () => Buffer.concat(written).toString() };
}

function frame(kind: number, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  const header = Buffer.alloc(8);
  header.writeUInt8(kind, 0);
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

test.each([1, 3, 7, 8, 9, 1_000])(
  "output arrives whole and apart from errors, in pieces of %d bytes",
  async (size) => {
    const { socket } = connection();
    const streams = attached(socket);
    const { channel } = streams;
    const bytes = Buffer.concat([
      frame(1, "ab"),
      frame(2, "oops"),
      frame(1, ""),
      frame(1, "c".repeat(300)),
      frame(2, "!"),
    ]);
    for (let at = 0; at < bytes.length; at += size) socket.push(bytes.subarray(at, at + size));
    socket.push(null);
    expect(await text(channel)).toBe(`ab${"c".repeat(300)}`);
    expect(streams.stderrTail()).toBe("oops!");
  },
);

test("bytes that are no text come through unchanged", async () => {
  const { socket } = connection();
  const { channel } = attached(socket);
  const all = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  socket.push(frame(1, all));
  const [chunk] = (await once(channel, "data")) as [Buffer];
  expect(chunk).toEqual(all);
});

test("input is passed on, and its end too", async () => {
  const { socket, written } = connection();
  const { channel } = attached(socket);
  channel.write("hello ");
  channel.end("there");
  await once(socket, "finish");
  expect(written()).toBe("hello there");
});

test("who does not read is not sent more", async () => {
  const { socket } = connection();
  const { channel } = attached(socket);
  channel.read(0);
  let pushed = 0;
  for (let n = 0; n < 200; n++) {
    socket.push(frame(1, Buffer.alloc(16 * 1024)));
    pushed += 16 * 1024;
    await new Promise((later) => setImmediate(later));
  }
  expect(channel.readableLength).toBeLessThan(256 * 1024);
  expect(channel.readableLength + socket.readableLength).toBeGreaterThan(pushed * 0.9);
});

test("only the last 16 KiB of errors are kept", async () => {
  const { socket } = connection();
  const streams = attached(socket);
  const { channel } = streams;
  for (let n = 0; n < 10; n++) socket.push(frame(2, String(n).repeat(4_096)));
  socket.push(null);
  await text(channel);
  expect(streams.stderrTail()).toBe(["6", "7", "8", "9"].map((digit) => digit.repeat(4_096)).join(""));
});

test("a frame of a kind that does not exist breaks the channel", async () => {
  const { socket } = connection();
  const { channel } = attached(socket);
  const failed = once(channel, "error");
  channel.resume();
  socket.push(frame(9, "x"));
  expect(String(await failed)).toContain("unknown kind 9");
  expect(socket.destroyed).toBe(true);
});

test("a connection that breaks off destroys the channel", async () => {
  const { socket } = connection();
  const { channel } = attached(socket);
  const closed = once(channel, "close");
  socket.destroy();
  await closed;
  expect(channel.destroyed).toBe(true);
});
