import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { attach } from "../../../src/sandbox/docker/attached.ts";
import { isUntouched } from "../../../src/sandbox/socketPair.ts";
import { frame } from "../../support/dockerFrame.ts";

const UPGRADED = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

let directory: string;
let path: string;
let server: Server;
let connection: Promise<Socket>;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-att-"));
  path = join(directory, "s");
  server = createServer({ allowHalfOpen: true });
  connection = once(server, "connection").then(([socket]) => socket as Socket);
  server.listen(path);
  await once(server, "listening");
});
afterEach(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

/** Attached to an engine of which the test holds the end; `asked` is the request as it came. */
async function attached() {
  const coming = attach(path, "c0ffee", new AbortController().signal);
  const engine = await connection;
  const [asked] = (await once(engine, "data")) as [Buffer];
  engine.write(UPGRADED);
  return { engine, asked: asked.toString(), ...(await coming) };
}

test("it asks for the container's three streams and to keep the connection", async () => {
  const { asked, channel } = await attached();
  expect(asked).toMatch(/^POST \/containers\/c0ffee\/attach\?stream=1&stdin=1&stdout=1&stderr=1 HTTP\/1\.1\r\n/);
  expect(asked).toMatch(/\r\nUpgrade: tcp\r\n/);
  expect(isUntouched(channel)).toBe(true);
});

test("output comes out of the channel and errors do not, and the end of both is its end", async () => {
  const streams = await attached();
  const { engine, channel } = streams;
  engine.write(Buffer.concat([frame(1, "ab"), frame(2, "oops"), frame(1, "cd")]));
  engine.end(frame(2, "!"));
  expect(await text(channel)).toBe("abcd");
  expect(streams.stderrTail()).toBe("oops!");
});

test("an answer and its first frames may come in any pieces", async () => {
  const coming = attach(path, "c0ffee", new AbortController().signal);
  const engine = await connection;
  const bytes = Buffer.concat([Buffer.from(UPGRADED), frame(1, "early")]);
  for (const byte of bytes) {
    engine.write(Buffer.from([byte]));
    await sleep(1);
  }
  engine.end();
  expect(await text((await coming).channel)).toBe("early");
});

test("megabytes come through whole to a reader that is slow, and no more is taken than it reads", async () => {
  const { engine, channel } = await attached();
  const parts = Array.from({ length: 256 }, (_, n) => Buffer.alloc(32 * 1024, n));
  for (const part of parts) engine.write(frame(1, part));
  await sleep(100);
  expect(engine.writableLength).toBeGreaterThan(1024 * 1024);
  engine.end();
  const came: Buffer[] = [];
  for await (const chunk of channel) {
    came.push(chunk as Buffer);
    if (came.length % 20 === 0) await sleep(1);
  }
  expect(Buffer.concat(came).equals(Buffer.concat(parts))).toBe(true);
});

test("input is passed on, and its end too", async () => {
  const { engine, channel } = await attached();
  channel.write("hello ");
  channel.end("there");
  expect(await text(engine)).toBe("hello there");
});

test("a channel that is destroyed hangs up on the engine", async () => {
  const { engine, channel } = await attached();
  engine.resume();
  channel.destroy();
  await once(engine, "end");
  expect(engine.readableEnded).toBe(true);
});

test("only the last 16 KiB of errors are kept", async () => {
  const streams = await attached();
  const { engine, channel } = streams;
  for (let n = 0; n < 10; n++) engine.write(frame(2, String(n).repeat(4_096)));
  engine.end();
  await text(channel);
  expect(streams.stderrTail()).toBe(["6", "7", "8", "9"].map((digit) => digit.repeat(4_096)).join(""));
});

test.each(["a frame of a kind that does not exist", "an engine that goes away"])(
  "%s ends the channel",
  async (what) => {
    const { engine, channel } = await attached();
    if (what.startsWith("a frame")) engine.write(frame(9, "x"));
    else engine.destroy();
    channel.resume();
    await once(channel, "close");
    expect(channel.destroyed).toBe(true);
  },
);

test("a refusal says what the engine said, with its status", async () => {
  const coming = attach(path, "c0ffee", new AbortController().signal);
  const engine = await connection;
  engine.end('HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n{"message":"No such container"}');
  await expect(coming).rejects.toMatchObject({
    statusCode: 404,
    message: expect.stringContaining("No such container"),
  });
});

test("an engine that hangs up, or is not there, is an error", async () => {
  const coming = attach(path, "c0ffee", new AbortController().signal);
  (await connection).destroy();
  await expect(coming).rejects.toThrow(/hung up|ECONNRESET|EPIPE/);
  await expect(attach(`${path}.no`, "c0ffee", new AbortController().signal)).rejects.toThrow("ENOENT");
});

test("an abort while the engine says nothing rejects with its reason", async () => {
  const stop = new AbortController();
  const coming = attach(path, "c0ffee", stop.signal);
  const engine = await connection;
  engine.resume();
  stop.abort(new Error("stopped"));
  await expect(coming).rejects.toThrow("stopped");
  await once(engine, "end");
  await expect(attach(path, "c0ffee", stop.signal)).rejects.toThrow("stopped");
});
