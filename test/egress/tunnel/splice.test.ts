import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { clientHello } from "../../support/clientHello.ts";
import { http1In, openTunnel } from "../../support/tunnel.ts";
import { HOST, tunnelBed } from "../../support/tunnelBed.ts";

const SPLICE = { mode: "splice", requestBytesMax: 40_000, responseBytesMax: 200_000 };

test("a spliced tunnel carries the host's own TLS, is logged as such, and counts both ways", async () => {
  await using the = await tunnelBed(SPLICE);
  const socket = await the.tls("http/1.1");
  expect(socket.getPeerCertificate().subject.CN).toBe(HOST);
  expect(await http1In(socket)({ path: "/any/where", headers: { host: HOST } })).toMatchObject({ text: "answer" });
  socket.destroy();
  await expect.poll(() => the.bench.log().length).toBe(2);
  const [open, close] = the.bench.log();
  expect(open).toMatchObject({ method: "CONNECT", verdict: "allow", rule: "one", mode: "splice", bytesUp: 0 });
  expect(close).toMatchObject({ event: "close", dialed: "127.0.0.1", reason: "ok" });
  expect(close?.["bytesUp"]).toBeGreaterThan(500);
  expect(close?.["bytesDown"]).toBeGreaterThan(500);
});

test("a plain request to it is refused: what is spliced was never meant to be looked into", async () => {
  await using the = await tunnelBed(SPLICE);
  const reply = await the.bench.shim.ask({ ":authority": the.place, ":path": "/v1/7" });
  expect(reply).toMatchObject({ status: 403, text: "this host may only be reached through a tunnel from here\n" });
});

describe("half of what the rule allows passes, and not a byte more", () => {
  test("up", async () => {
    await using the = await bed();
    const tunnel = await the.greeted();
    tunnel.stream.write(Buffer.alloc(20_000 - the.hello.length, 1));
    await expect.poll(() => the.heard()).toBe(20_000);
    tunnel.stream.write("x");
    await expect
      .poll(() => the.bench.log().at(-1))
      .toMatchObject({ event: "close", closedBy: "gateway", reason: "tunnel-over-budget", bytesUp: 20_000 });
    expect(the.heard()).toBe(20_000);
    await expect.poll(() => tunnel.stream.rstCode).toBeGreaterThan(0);
  });

  test("down", async () => {
    await using the = await bed();
    const tunnel = await the.greeted();
    const chunks: Buffer[] = [];
    tunnel.stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    the.socket().write(Buffer.alloc(100_000, 1));
    await expect.poll(() => Buffer.concat(chunks).length).toBe(100_000);
    the.socket().write("x");
    await expect
      .poll(() => the.bench.log().at(-1))
      .toMatchObject({ reason: "tunnel-over-budget", bytesDown: 100_000, bytesUp: the.hello.length });
    expect(Buffer.concat(chunks)).toHaveLength(100_000);
  });
});

test("the latch is looked at before each chunk, either way", async () => {
  for (const direction of ["up", "down"] as const) {
    await using the = await bed();
    const tunnel = await the.greeted();
    tunnel.stream.resume();
    the.bench.latch();
    if (direction === "up") tunnel.stream.write("x");
    else the.socket().write("x");
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ reason: "latched", closedBy: "gateway" });
    expect(the.heard()).toBe(the.hello.length);
  }
});

test("one whose rule was taken out is cut at its next byte, either way, and one whose rule stayed is not", async () => {
  for (const direction of ["up", "down"] as const) {
    await using the = await bed();
    const tunnel = await the.greeted();
    tunnel.stream.resume();
    the.bench.keepRules(["one"]);
    tunnel.stream.write("x");
    await expect.poll(() => the.heard()).toBe(the.hello.length + 1);
    the.bench.keepRules([]);
    if (direction === "up") tunnel.stream.write("x");
    else the.socket().write("x");
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ reason: "rule-withdrawn", closedBy: "gateway" });
    expect(the.heard()).toBe(the.hello.length + 1);
  }
});

test("a fake that goes up in the clear is seen, also in two pieces, and is not passed on whole", async () => {
  const value = ["fk", "a-value-that-is-nobodys", "0123456789abcdef"].join("-");
  const fake = { id: "fk-0123456789", kind: "generic", value, cycle: "c", file: "home/.netrc" };
  await using the = await bed({ fakes: [fake] });
  const tunnel = await the.greeted();
  tunnel.stream.write(value.slice(0, 20));
  await expect.poll(() => the.heard()).toBe(the.hello.length + 20);
  tunnel.stream.write(value.slice(20));
  await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ reason: "fake-credential", closedBy: "gateway" });
  expect(the.heard()).toBe(the.hello.length + 20);
  expect(the.bench.told).toMatchObject([
    { type: "alarm", alarm: { carrier: "fake-credential", subject: fake.id, sandbox: "wd-lab" } },
  ]);
  expect(JSON.stringify([the.bench.told, the.bench.log()])).not.toContain(value.slice(0, 20));
});

test("either side may end first, and the other goes on", async () => {
  await using guestFirst = await bed();
  const up = await guestFirst.greeted();
  up.stream.end("the last word");
  await once(guestFirst.socket(), "end");
  guestFirst.socket().end("and an answer");
  expect(await up.text()).toBe("and an answer");
  await expect.poll(() => guestFirst.bench.log().at(-1)).toMatchObject({ closedBy: "answer", reason: "ok" });

  await using hostFirst = await bed();
  const down = await hostFirst.greeted();
  hostFirst.socket().end("all I have to say");
  expect(await text(down.stream)).toBe("all I have to say");
  down.stream.end("thank you");
  await expect.poll(() => hostFirst.heard()).toBe(hostFirst.hello.length + 9);
  await expect.poll(() => hostFirst.bench.log().at(-1)).toMatchObject({ closedBy: "answer", reason: "ok" });
});

test("whoever breaks it off is named, and the other end is let go of", async () => {
  await using byGuest = await bed();
  const left = await byGuest.greeted();
  const closed = once(byGuest.socket(), "end");
  left.stream.close(8);
  await closed;
  await expect.poll(() => byGuest.bench.log().at(-1)).toMatchObject({ closedBy: "guest" });

  await using byHost = await bed();
  const tunnel = await byHost.greeted();
  byHost.socket().resetAndDestroy();
  await tunnel.text();
  await expect.poll(() => byHost.bench.log().at(-1)).toMatchObject({ closedBy: "upstream" });
});

test("one that nothing passes through is closed, and so is one that lasts too long", async () => {
  await using idle = await bed({ limits: { idleMs: 100 } });
  await (await idle.greeted()).text();
  await expect.poll(() => idle.bench.log().at(-1)).toMatchObject({ reason: "tunnel-idle", closedBy: "gateway" });

  await using busy = await bed({ limits: { idleMs: 5_000, lifetimeMs: 300 } });
  const tunnel = await busy.greeted();
  const talk = setInterval(() => busy.socket().write("x"), 20);
  await tunnel.text();
  clearInterval(talk);
  await expect.poll(() => busy.bench.log().at(-1)).toMatchObject({ reason: "tunnel-too-long" });
});

/** A spliced tunnel to a host that takes in whatever comes. */
async function bed(options: Parameters<typeof tunnelBed>[1] = {}) {
  const sockets: Socket[] = [];
  let heard = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket
      .on("error", () => undefined)
      .on("data", (chunk) => {
        heard += chunk.length;
      });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const the = await tunnelBed({ ...SPLICE, port }, options);
  const hello = clientHello({ names: [HOST] });
  return {
    bench: the.bench,
    hello,
    heard: () => heard,
    socket() {
      const [socket] = sockets;
      if (socket === undefined) throw new Error("nobody connected");
      return socket;
    },
    async greeted() {
      const tunnel = await openTunnel(the.bench, `${HOST}:${port}`);
      tunnel.stream.write(hello);
      await expect.poll(() => heard).toBe(hello.length);
      return tunnel;
    },
    async [Symbol.asyncDispose]() {
      await the[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
