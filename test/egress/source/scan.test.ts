import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testFile } from "../../../src/egress/source/reach.ts";
import { clamdScan } from "../../../src/egress/source/scan.ts";
import { type Clamd, EICAR, startClamd } from "../../support/clamd.ts";
import { selfSigned } from "../../support/selfSigned.ts";
import { feed, feedRule, HOST, sourceBench } from "../../support/sourceBench.ts";
import { upstream } from "../../support/upstream.ts";

let clamd: Clamd;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-scan-"));
  clamd = await startClamd(100_000);
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await clamd[Symbol.asyncDispose]();
});

function file(content: string | Uint8Array): string {
  const path = join(directory, "file");
  writeFileSync(path, content);
  return path;
}

describe("what clamd says of a file", () => {
  test("nothing found is clean, and the test file is infected, also in a gzip", async () => {
    const scan = clamdScan(clamd.socket);
    expect(await scan(file("hello"))).toEqual({ status: "clean" });
    expect(await scan(file(EICAR))).toEqual({ status: "infected", signature: "Test.Eicar.UNOFFICIAL" });
    expect(await scan(file(gzipSync(EICAR)))).toEqual({ status: "infected", signature: "Test.Eicar.UNOFFICIAL" });
  });

  test("no socket, a socket that is not there and one with nobody behind it: not scanned", async () => {
    const path = file("hello");
    expect(await clamdScan(null)(path)).toMatchObject({ status: "not-scanned" });
    expect(await clamdScan(join(directory, "none"))(path)).toMatchObject({ status: "not-scanned" });
    writeFileSync(join(directory, "plain"), "");
    expect(await clamdScan(join(directory, "plain"))(path)).toMatchObject({ status: "not-scanned" });
    expect(await clamdScan(clamd.socket)(path)).toEqual({ status: "clean" });
  });

  test("a file longer than its StreamMaxLength is not scanned, and the limit to raise is named", async () => {
    const scan = clamdScan(clamd.socket);
    expect(await scan(file(Buffer.alloc(1_000_000, "a")))).toEqual({
      status: "not-scanned",
      reason: "not scanned: clamd takes no file of 1000000 bytes: raise StreamMaxLength in its clamd.conf over that",
    });
    expect(await scan(file(Buffer.alloc(50_000, "a")))).toEqual({ status: "clean" });
  });

  test("a clamd that hangs is not waited for, and its silence is no word", async () => {
    const scan = clamdScan(clamd.socket, 400);
    const path = file("hello");
    process.kill(clamd.pid, "SIGSTOP");
    try {
      expect(await scan(path)).toMatchObject({ status: "not-scanned" });
    } finally {
      process.kill(clamd.pid, "SIGCONT");
    }
    expect(await clamdScan(clamd.socket)(path)).toEqual({ status: "clean" });
  });

  test.each([
    ["says nothing and leaves", ""],
    ["says something else", "stream: perhaps\0"],
    ["speaks of an error", "INSTREAM: Can't allocate memory ERROR\0"],
    ["says OK of something else first", "OK\0"],
  ])("one that %s has not scanned", async (_, words) => {
    await using liar = await fakeClamd(words);
    expect(await clamdScan(liar.path, 2_000)(file("hello"))).toMatchObject({ status: "not-scanned" });
    await using honest = await fakeClamd("stream: OK\0");
    expect(await clamdScan(honest.path, 2_000)(file("hello"))).toEqual({ status: "clean" });
  });
});

test("long files take turns, because the client holds what clamd has not taken of one; a short one waits for none", async () => {
  await using slow = await slowClamd();
  const scan = clamdScan(slow.path, 20_000);
  const long = join(directory, "long");
  const short = join(directory, "short");
  writeFileSync(long, Buffer.alloc(2 * 1024 * 1024, "a"));
  writeFileSync(short, "hello");
  const longOnes = [scan(long), scan(long), scan(long)];
  await expect.poll(() => slow.held.length).toBe(1);
  expect(await scan(short)).toEqual({ status: "clean" });
  expect(slow.held).toHaveLength(1);
  for (let turn = 1; turn <= 3; turn++) {
    slow.held.at(-1)?.end("stream: OK\0");
    // It says OK to the test file, too, so that it has not looked.
    expect(await longOnes[turn - 1]).toMatchObject({ status: "not-scanned" });
    await expect.poll(() => slow.held.length).toBe(Math.min(turn + 1, 3));
  }
});

describe("a clamd that says OK to what is too long for it", () => {
  const MIB = 1024 * 1024;
  const long = Buffer.alloc(3 * MIB, "a");
  const unseen = expect.stringMatching(
    /^not scanned: clamd does not look at files of 3145728 bytes .*: raise MaxFileSize and MaxScanSize/,
  ) as string;

  test.each([
    ["because of its MaxFileSize", ["MaxFileSize 2M", "MaxScanSize 16M"]],
    ["because of its MaxScanSize", ["MaxFileSize 16M", "MaxScanSize 2M"]],
    ["and says that, too", ["MaxFileSize 2M", "MaxScanSize 16M", "AlertExceedsMax yes"]],
  ])("%s: not scanned, and never clean or infected", async (_, limits) => {
    await using short = await startClamd(16 * MIB, limits);
    const scan = clamdScan(short.socket);
    expect(await scan(file(long))).toEqual({ status: "not-scanned", reason: unseen });
    expect(await scan(file(long.subarray(0, MIB)))).toEqual({ status: "clean" });
    expect(await scan(file(EICAR))).toMatchObject({ status: "infected", signature: "Test.Eicar.UNOFFICIAL" });
  });

  test("a long file that is within all limits is clean, and an infected one is infected", async () => {
    await using wide = await startClamd(64 * MIB, ["MaxFileSize 64M", "MaxScanSize 64M"]);
    const scan = clamdScan(wide.socket);
    expect(await scan(file(long))).toEqual({ status: "clean" });
    // As long as ATT&CK's file is.
    expect(await scan(file(Buffer.alloc(50 * MIB, "a")))).toEqual({ status: "clean" });
    expect(await scan(file(await buffer(testFile(5 * MIB))))).toMatchObject({ status: "infected" });
  });

  test("the test file is as long as it is asked to be", async () => {
    for (const bytes of [1_000, 65_536, 200_001]) expect(await buffer(testFile(bytes))).toHaveLength(bytes);
  });
});

describe("what is not known to be clean is not read", () => {
  const TLS = selfSigned(HOST);

  async function ask(socket: string | null, text: string) {
    await using there = await upstream(
      (response) => response.writeHead(200, { "content-type": "application/json" }).end(text),
      TLS,
    );
    let reads = 0;
    using bench = sourceBench({
      sources: [feed(there.port)],
      rules: [feedRule(there.port)],
      certificates: [TLS.cert],
      scan: clamdScan(socket),
      read: async () => {
        reads++;
        const document = { id: "a", title: "a", published: null, url: null, text: "read" };
        const removed = { scripts: 0, hidden: 0, comments: 0, zeroWidth: 0, bidi: 0, tags: 0, controls: 0 };
        return { status: "read", documents: [document], removed };
      },
    });
    const asked = await bench.ask({ source: "feed", params: { name: "x" } });
    const aside = bench.files().filter((name) => name.startsWith("infected/"));
    return {
      ...asked,
      reads,
      told: bench.told,
      kept: readdirSync(join(bench.directory, "kept")).length,
      aside: aside.map((name) => readFileSync(join(bench.directory, name), "utf8")),
    };
  }

  test("clean: read and kept, and nothing is told", async () => {
    expect(await ask(clamd.socket, "{}")).toMatchObject({ code: 200, reads: 1, kept: 1, told: [], aside: [] });
  });

  test("infected: not read, not kept, set aside and told", async () => {
    const asked = await ask(clamd.socket, EICAR);
    expect(asked).toMatchObject({ code: 403, reason: "source-infected", reads: 0, kept: 0, aside: [EICAR] });
    expect(asked.told).toMatchObject([
      {
        type: "alarm",
        alarm: {
          carrier: "infected-source",
          sandbox: "wd-lab",
          subject: "feed",
          detail: expect.stringContaining("Test.Eicar") as string,
        },
      },
    ]);
  });

  test("no clamd: not read, not kept, and the answer says why", async () => {
    const asked = await ask(null, "{}");
    expect(asked).toMatchObject({ code: 503, reason: "source-not-scanned", reads: 0, kept: 0, told: [] });
    expect(asked.text).toContain("was not read");
    expect(asked.detail).toContain("no clamd socket");
  });
});

/** Takes a whole stream as clamd does, and says what it is told to. */
/** Answers a short stream at once, holds a long one of nothing but `a` as long as the test likes, and sees no test file. */
async function slowClamd() {
  const held: Socket[] = [];
  const path = join(mkdtempSync(join(directory, "s-")), "s");
  const server = createServer((socket) => {
    let bytes = 0;
    let isTest = false;
    let tail = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      if (chunk.includes("PING")) return socket.end("PONG\n");
      bytes += chunk.length;
      isTest ||= chunk.includes("EICAR");
      tail = Buffer.concat([tail, chunk]).subarray(-4);
      if (!tail.equals(Buffer.alloc(4))) return;
      if (bytes < 1024 * 1024 || isTest) socket.end("stream: OK\0");
      else held.push(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    held,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

async function fakeClamd(words: string) {
  const path = join(mkdtempSync(join(directory, "f-")), "s");
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      if (chunk.includes("PING")) return socket.end("PONG\n");
      if (chunk.subarray(-4).equals(Buffer.alloc(4))) socket.end(words);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
