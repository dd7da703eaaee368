import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { keptConnections } from "../../src/egress/connections.ts";
import { type Dial, dial } from "../../src/egress/upstream.ts";
import { type Leaf, type TestAuthority, testAuthority } from "../support/certificates.ts";
import { selfSigned } from "../support/selfSigned.ts";
import { staying } from "../support/staying.ts";
import { upstream } from "../support/upstream.ts";

function to(port: number, over: Partial<Dial> = {}): Dial {
  return {
    scheme: "https",
    host: "api.example",
    port,
    address: "127.0.0.1",
    method: "GET",
    path: "/",
    headers: {},
    body: Buffer.alloc(0),
    deadlineMs: 10_000,
    ...over,
  };
}

describe("a certificate of every wrong kind is refused, beside a right one from the same authority", () => {
  let authority: TestAuthority;
  beforeAll(async () => {
    authority = await testAuthority();
  });
  const kinds: [string, Partial<Leaf>, string | RegExp][] = [
    ["expired", { untilMs: -60_000 }, "CERT_HAS_EXPIRED"],
    ["not valid yet", { fromMs: 3_600_000 }, "CERT_NOT_YET_VALID"],
    ["for another host", { host: "other.example" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["for the name above", { host: "example" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["with a wildcard for a whole top-level name", { host: "*" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["signed by what is no authority", { through: "a leaf" }, "INVALID_PURPOSE"],
    ["without the name but in the old place for it", { hasAlternativeName: false }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["for clients", { usage: "client" }, "INVALID_PURPOSE"],
    ["for programs", { usage: "code" }, "INVALID_PURPOSE"],
    ["of an authority for another name", { through: "another name's authority" }, /permitted subtree violation/i],
    ["of an authority that has expired", { through: "an expired authority" }, "CERT_HAS_EXPIRED"],
    ["with what nobody understands and must", { hasCriticalUnknown: true }, /unhandled critical extension/i],
    ["over SHA-1", { hash: "SHA-1" }, /CA signature digest algorithm too weak|CA md too weak/i],
  ];

  test.each(kinds)("%s", async (_, over, code) => {
    await using right = await upstream((response) => response.end("right"), await authority.issue());
    await using wrong = await upstream((response) => response.end("wrong"), await authority.issue(over));
    const connections = keptConnections([authority.certificate]);
    expect(await said(dial(to(right.port), staying, connections))).toBe("right");
    expect(await dial(to(wrong.port), staying, connections)).toMatchObject({
      status: "failed",
      detail: expect.stringMatching(code),
      wasConnected: false,
    });
    expect(wrong.seen).toEqual([]);
    await connections.end();
  });

  test.each<Partial<Leaf>>([{ usage: "server" }, { through: "this name's authority" }])(
    "and %j is a right one",
    async (over) => {
      await using host = await upstream((response) => response.end("right"), await authority.issue(over));
      const connections = keptConnections([authority.certificate]);
      expect(await said(dial(to(host.port), staying, connections))).toBe("right");
      await connections.end();
    },
  );

  test("signed by itself, or by an authority that nobody here knows", async () => {
    const own = selfSigned("api.example");
    await using alone = await upstream((response) => response.end("known"), own);
    const stranger = await testAuthority("another one");
    await using unknown = await upstream((response) => response.end("?"), await stranger.issue());
    const strict = keptConnections([authority.certificate]);
    expect(await dial(to(alone.port), staying, strict)).toMatchObject({ detail: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    expect(await dial(to(unknown.port), staying, strict)).toMatchObject({
      detail: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    });
    const trusting = keptConnections([own.cert]);
    expect(await said(dial(to(alone.port), staying, trusting))).toBe("known");
    await strict.end();
    await trusting.end();
  });

  test("with an RSA key of 1,024 bits", async () => {
    await using strong = await upstream(
      (response) => response.end("strong"),
      await authority.issue({ key: "RSA-2048" }),
    );
    const weakPair = { ...(await authority.issue({ key: "RSA-1024" })), ciphers: "DEFAULT@SECLEVEL=0" };
    await using weak = await upstream((response) => response.end("weak"), weakPair);
    const connections = keptConnections([authority.certificate]);
    expect(await said(dial(to(strong.port), staying, connections))).toBe("strong");
    expect(await dial(to(weak.port), staying, connections)).toMatchObject({
      status: "failed",
      detail: expect.stringMatching(/EE certificate key too weak|key too small/i),
    });
    await connections.end();
  });
});

describe("a connection is kept for the same name at the same address, and for nothing else", () => {
  test("two requests go over one, and another name, port or address gets its own", async () => {
    const sockets = new Set<unknown>();
    await using host = await upstream((response) => {
      sockets.add(response.socket);
      response.end("x");
    });
    const connections = keptConnections([]);
    const plain = to(host.port, { scheme: "http" });
    // One is free again a turn of the loop after its answer's end; till then there may be a second.
    for (let i = 0; i < 6; i++) await said(dial(plain, staying, connections));
    const kept = sockets.size;
    expect(kept).toBeLessThanOrEqual(2);
    await said(dial({ ...plain, host: "other.example" }, staying, connections));
    expect(sockets.size).toBe(kept + 1);
    expect(await connections.to(plain)).toBe(await connections.to({ ...plain }));
    expect(await connections.to({ ...plain, address: "127.0.0.2" })).not.toBe(await connections.to(plain));
    expect(host.seen.map(({ headers }) => headers.host)).toEqual([
      ...Array<string>(6).fill(`api.example:${host.port}`),
      `other.example:${host.port}`,
    ]);
    await connections.end();
  });

  test("an answer that was not read to its end takes its connection with it", async () => {
    const sockets = new Set<unknown>();
    await using host = await upstream((response) => {
      sockets.add(response.socket);
      response.writeHead(200);
      response.write("begun");
    });
    const connections = keptConnections([]);
    for (let i = 0; i < 2; i++) {
      const dialed = await dial(to(host.port, { scheme: "http" }), staying, connections);
      if (dialed.status === "failed") throw new Error(dialed.detail);
      dialed.response
        .body()
        .on("error", () => undefined)
        .destroy();
    }
    expect(sockets.size).toBe(2);
    await connections.end();
  });
});

describe("a host that speaks HTTP badly", () => {
  test.each([
    ["both lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx"],
    ["a folded line", "HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n"],
    ["headers of 20 KiB", `HTTP/1.1 200 OK\r\nx: ${"a".repeat(20_000)}\r\n\r\n`],
    [
      "an upgrade that nobody asked for",
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ],
    ["no HTTP", "SSH-2.0-x\r\n"],
    ["nothing", ""],
  ])("%s: no answer, and the next request has one", async (_, bytes) => {
    await using bad = await raw(bytes);
    await using good = await upstream((response) => response.end("good"));
    const connections = keptConnections([]);
    const dialed = await dial(to(bad.port, { scheme: "http" }), staying, connections);
    expect(dialed).toMatchObject({ status: "failed", wasConnected: true });
    expect(await said(dial(to(good.port, { scheme: "http" }), staying, connections))).toBe("good");
    await connections.end();
  });

  test("an answer that was not asked for is not the next request's", async () => {
    const one = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
    await using bad = await raw(`${one}trueHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged`, { isOpen: true });
    const connections = keptConnections([]);
    expect(await said(dial(to(bad.port, { scheme: "http" }), staying, connections))).toBe("true");
    await sleep(20);
    expect(await said(dial(to(bad.port, { scheme: "http" }), staying, connections))).toBe("true");
    await connections.end();
  });
});

async function said(asked: ReturnType<typeof dial>): Promise<string> {
  const dialed = await asked;
  if (dialed.status === "failed") throw new Error(dialed.detail);
  return text(dialed.response.body());
}

async function raw(bytes: string, { isOpen = false } = {}) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => (isOpen ? socket.write(bytes) : socket.end(bytes)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
