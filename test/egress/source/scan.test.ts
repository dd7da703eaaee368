import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

  test("a file longer than its StreamMaxLength is not scanned", async () => {
    const scan = clamdScan(clamd.socket);
    expect(await scan(file(Buffer.alloc(1_000_000, "a")))).toMatchObject({ status: "not-scanned" });
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
