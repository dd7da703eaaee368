import { createHash, randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openAccount } from "../../../src/sandbox/e2b/account.ts";
import { type Daemon, openDaemon } from "../../../src/sandbox/e2b/daemon.ts";
import { BrokenStream, encodeFrame, FRAME_BYTES_MAX, frameReader } from "../../../src/sandbox/e2b/frames.ts";
import { INPUT_BYTES_MAX, runRemote, startRemote } from "../../../src/sandbox/e2b/remote.ts";
import { type FakeE2b, startFakeE2b } from "../../support/e2b/fakeE2b.ts";
import { type Faults, noFaults } from "../../support/e2b/faults.ts";

let fake: FakeE2b;
let daemon: Daemon;
let machineId: string;
const signal = new AbortController().signal;
beforeAll(async () => {
  fake = await startFakeE2b();
  const account = openAccount({ apiKey: fake.apiKey, apiUrl: fake.url, sandboxUrl: fake.url });
  const machine = await account.create("base", { weakdoor: "x" }, 600_000);
  machineId = machine.id;
  daemon = openDaemon(machine);
});
afterAll(async () => {
  daemon.close();
  await fake.stop();
});
beforeEach(() => void Object.assign(fake.faults, noFaults()));

const start = (script: string, onStderr: (chunk: Buffer) => void = () => undefined) =>
  startRemote(daemon, { argv: ["/bin/sh", "-c", script], onStderr });

test("bytes that are no text go there and come back as they were", async () => {
  const odd = Buffer.from([0xff, 0xfe, 0x80, 0x00, 0x0a, 0xc3, 0x28]);
  const remote = await start("cat");
  remote.stdin.end(odd);
  const chunks: Buffer[] = [];
  for await (const chunk of remote.stdout) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks)).toEqual(odd);
  expect(await remote.ended).toEqual({ status: "exited", code: 0 });
});

test("megabytes written in pieces of all sizes arrive in order, in fewer calls than pieces", async () => {
  fake.faults.sendInputDelayMs = 20;
  const calls = countingInput();
  const remote = await startRemote(calls.daemon, { argv: ["sha256sum"], onStderr: () => undefined });
  const hash = createHash("sha256");
  const pieces = Array.from({ length: 400 }, (_, n) => randomBytes(1 + ((n * 7_919) % 30_000)));
  for (const piece of pieces) hash.update(piece);
  await pipeline(pieces, remote.stdin);
  expect((await text(remote.stdout)).slice(0, 64)).toBe(hash.digest("hex"));
  expect(calls.count()).toBeLessThan(pieces.length / 4);
});

test("a call holds no more than its limit", async () => {
  const remote = await start("wc -c");
  remote.stdin.end(Buffer.alloc(INPUT_BYTES_MAX * 2 + 1));
  expect(Number(await text(remote.stdout))).toBe(INPUT_BYTES_MAX * 2 + 1);
});

test("nobody who writes faster than the process reads is let run ahead", async () => {
  const remote = await start("sleep 300");
  let taken = 0;
  const chunk = Buffer.alloc(256 * 1024);
  while (remote.stdin.write(chunk) && taken < 64 * INPUT_BYTES_MAX) taken += chunk.length;
  await sleep(300);
  expect(remote.stdin.writableNeedDrain).toBe(true);
  expect(taken).toBeLessThan(4 * INPUT_BYTES_MAX);
  remote.stdin.on("error", () => undefined).destroy();
  remote.release();
});

test("output that nobody reads stops the process, and nothing of it is lost", async () => {
  const remote = await start("head -c 30000000 /dev/zero; echo end >&2");
  await sleep(300);
  expect(remote.stdout.readableLength).toBeLessThan(4 * INPUT_BYTES_MAX);
  let length = 0;
  for await (const chunk of remote.stdout) length += (chunk as Buffer).length;
  expect(length).toBe(30_000_000);
});

test("what the process says on standard error comes apart, and its exit code comes", async () => {
  let said = "";
  const remote = await start("echo out; echo err >&2; exit 7", (chunk) => {
    said += chunk.toString();
  });
  expect(await text(remote.stdout)).toBe("out\n");
  expect(await remote.ended).toEqual({ status: "exited", code: 7 });
  expect(said).toBe("err\n");
});

describe("a stream that breaks ends with a value that says how", () => {
  const rows: [Faults["streamEnd"], RegExp][] = [
    ["reset", /broke off|closed/],
    ["cut within a frame", /within a frame/],
    ["trailer with an error", /^unavailable gone$/],
    ["huge frame", /frame of 2147483647 bytes/],
    ["no json", /no JSON/],
  ];
  test.each(rows)("%s", async (streamEnd, reason) => {
    Object.assign(fake.faults, { streamBreaksAfterBytes: 100_000, streamEnd });
    const remote = await start("head -c 1000000 /dev/zero");
    remote.stdout.on("error", () => undefined).resume();
    expect(await remote.ended).toMatchObject({ status: "broken", reason: expect.stringMatching(reason) as string });
  });

  test("a script in it is then an error and no empty answer", async () => {
    Object.assign(fake.faults, { streamBreaksAfterBytes: 1, streamEnd: "cut within a frame" });
    await expect(runRemote(daemon, "echo x", signal)).rejects.toThrow(BrokenStream);
  });
});

test("input that the service refuses is an error of the stream", async () => {
  fake.faults.sendInputFails = 1;
  const remote = await start("cat");
  const failed = new Promise<Error>((resolve) => remote.stdin.once("error", resolve));
  remote.stdin.write("x");
  expect((await failed).message).toMatch(/502/);
  remote.release();
});

test("a machine that is gone refuses to start anything, and says so", async () => {
  const gone = openDaemon({ id: `${machineId}x`, url: fake.url, accessToken: "none" });
  await expect(startRemote(gone, { argv: ["true"], onStderr: () => undefined })).rejects.toThrow(/502/);
});

describe("frames", () => {
  test("come whole from pieces of any size", () => {
    const messages = [{ a: 1 }, { text: "é".repeat(1_000) }, {}];
    const bytes = Buffer.concat([...messages.map((message) => encodeFrame(message)), encodeFrame({ last: 1 }, 2)]);
    for (const size of [1, 2, 3, 7, 100, bytes.length]) {
      const reader = frameReader();
      const seen: unknown[] = [];
      for (let at = 0; at < bytes.length; at += size)
        for (const frame of reader.take(bytes.subarray(at, at + size))) seen.push(frame);
      expect(seen).toEqual([
        ...messages.map((message) => ({ isLast: false, message })),
        { isLast: true, message: { last: 1 } },
      ]);
      expect(reader.isBetween()).toBe(true);
    }
  });

  test("a frame that claims too much is refused before it is held, and so is a compressed one", () => {
    const header = (flags: number, length: number) => {
      const bytes = Buffer.alloc(5);
      bytes.writeUInt8(flags, 0);
      bytes.writeUInt32BE(length, 1);
      return bytes;
    };
    expect(() => [...frameReader().take(header(0, FRAME_BYTES_MAX + 1))]).toThrow(BrokenStream);
    expect([...frameReader().take(header(0, FRAME_BYTES_MAX))]).toEqual([]);
    expect(() => [...frameReader().take(header(1, 3))]).toThrow(/compressed/);
  });
});

/** The same daemon, and how often input was sent. */
function countingInput() {
  let calls = 0;
  const counting: Daemon = {
    ...daemon,
    unary(path, message, abort) {
      if (path.endsWith("SendInput")) calls++;
      return daemon.unary(path, message, abort);
    },
  };
  return { daemon: counting, count: () => calls };
}
