import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { Rule } from "../../../src/egress/allowlist.ts";
import type { Carry } from "../../../src/egress/send.ts";
import { authorityAtHand } from "../../../src/egress/tunnel/authority.ts";
import { type Inner, type TunnelRequest, tunnelDesk } from "../../../src/egress/tunnel/tunnel.ts";
import { openWatch } from "../../../src/egress/watch/openWatch.ts";
import { serveChannel } from "../../../src/sandbox/channel.ts";
import { clientHello } from "../../support/clientHello.ts";
import { fakeShim } from "../../support/fakeShim.ts";
import { flowBench, neverResolved } from "../../support/flowBench.ts";
import { socketPair } from "../../support/socketPair.ts";
import { staying } from "../../support/staying.ts";
import { http1In, type OpenTunnel, openTunnel, tlsIn } from "../../support/tunnel.ts";
import { HOST, type TunnelBed, tunnelBed } from "../../support/tunnelBed.ts";

const passes: Carry = () => ({ status: "passes", waitMs: 0 });

/** A denial counts only when the allowed sibling passed: over the same channel, right after it. */
async function allowedStillPasses(the: TunnelBed): Promise<void> {
  const before = the.host.seen.length;
  const ask = http1In(await the.tls("http/1.1"));
  expect(await ask({ path: "/v1/7", headers: { host: the.place } })).toMatchObject({ status: 200, text: "answer" });
  expect(the.host.seen).toHaveLength(before + 1);
}

describe("CONNECT", () => {
  test.each([
    ["evil.example:443", 403, "host-not-listed"],
    [`${HOST}:22`, 403, "port-not-listed"],
    ["127.0.0.1:443", 403, "host-not-listed"],
    ["[::1]:443", 403, "host-not-listed"],
    ["2130706433:443", 403, "authority-number-form"],
    [HOST, 403, "authority-port"],
    ["broker.weakdoor.internal:80", 403, "tunnel"],
  ])("to %s: %i %s, and nobody is asked for its address", async (authority, status, reason) => {
    await using the = await tunnelBed();
    const tunnel = await openTunnel(the.bench, authority);
    expect(tunnel.status).toBe(status);
    expect(await tunnel.text()).toMatch(/[a-z ]{20,}/);
    expect(the.bench.log()[0]).toMatchObject({ verdict: "deny", reason, mode: null });
    await allowedStillPasses(the);
  });

  test("to a name that leads inside is refused, for both modes", async () => {
    for (const mode of ["terminate", "splice"]) {
      await using the = await tunnelBed({ mode }, { pins: [], resolve: async () => ["127.0.0.1"] });
      expect((await the.open()).status).toBe(403);
      expect(the.bench.log().at(-1)).toMatchObject({ reason: "address-denied", resolved: ["127.0.0.1"] });
      expect(the.host.seen).toEqual([]);
    }
  });

  test("resolves once: what the name leads to later is not asked for what comes through the tunnel", async () => {
    let asked = 0;
    const vetting = {
      resolve: async () => [asked++ === 0 ? "9.9.9.9" : "127.0.0.1"],
      pins: [],
      ownAddresses: () => new Set<string>(),
    };
    const authority = authorityAtHand(systemClock);
    const desk = tunnelDesk({
      vetting,
      authority,
      isLatched: () => false,
      clock: systemClock,
    });
    const rule = Rule.parse({
      id: "r",
      host: HOST,
      methods: ["GET"],
      paths: ["/**"],
      responseBytesMax: 1,
      why: "a test",
    });
    const seen: Inner[] = [];
    const serve: TunnelRequest["serve"] = async (stream, _, inner) => {
      seen.push(inner);
      await text(stream);
      stream.respond({ ":status": 204 }, { endStream: true });
    };
    const [inside, outside] = await socketPair();
    const served = serveChannel(outside, (stream) => {
      const request = {
        flow: 3,
        leaving: staying,
        ring: () => undefined,
        watch: openWatch().tunnel("wd-lab"),
        carry: passes,
        serve,
      };
      void desk.open(rule, request).then(async (answer) => {
        if (answer.status === "tunnel") await answer.run(stream);
      });
    });
    const found = await authority();
    if (found.status === "missing") throw new Error(found.why);
    const ca = found.authority.certificate;
    const socket = await tlsIn(await openTunnel({ shim: fakeShim(inside) }, `${HOST}:443`), HOST, { ca });
    const ask = http1In(socket);
    for (const path of ["/a", "/b"])
      expect(await ask({ path, headers: { host: HOST } })).toMatchObject({ status: 204 });
    const vetted = { status: "vetted", address: "9.9.9.9", resolved: ["9.9.9.9"] };
    expect(seen).toMatchObject([
      { vetted, flow: 3, place: { host: HOST, port: 443 } },
      { vetted, flow: 3 },
    ]);
    expect(asked).toBe(1);
    served.destroy();
    await served.closed;
  });

  test("for which nobody answers is refused where it would be spliced, and told inside where it is terminated", async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    await using spliced = await tunnelBed({ mode: "splice", port });
    expect((await openTunnel(spliced.bench, `${HOST}:${port}`)).status).toBe(502);
    await using terminated = await tunnelBed({ port });
    const tunnel = await openTunnel(terminated.bench, `${HOST}:${port}`);
    const socket = await tlsIn(tunnel, HOST, {
      ca: await terminated.bench.certificate(),
      ALPNProtocols: ["http/1.1"],
    });
    const reply = await http1In(socket)({ path: "/v1/7", headers: { host: `${HOST}:${port}` } });
    expect(reply).toMatchObject({ status: 502, text: "the host could not be reached\n" });
  });

  test("is refused while there is no authority, and plain requests pass", async () => {
    await using the = await tunnelBed({}, { authority: async () => ({ status: "missing", why: "no library" }) });
    const tunnel = await the.open();
    expect(tunnel.status).toBe(503);
    expect(await tunnel.text()).toBe("no tunnel can be opened now: send a plain request\n");
    expect(the.bench.log()[1]).toMatchObject({ reason: "tunnel-authority-missing no library" });
    expect(await the.bench.shim.ask({ ":authority": the.place, ":path": "/v1/7" })).toMatchObject({ status: 200 });
  });
});

describe.each(["terminate", "splice"])("the greeting of a tunnel to %s", (mode) => {
  const alert = (code: number) => `\x15\x03\x03\0\x02\x02${String.fromCharCode(code)}`;

  test.each([
    ["another name than the tunnel's", clientHello({ names: ["evil.example"] }), "hello-name-differs", alert(112)],
    ["no name", clientHello({}), "hello-no-name", alert(112)],
    ["two names", clientHello({ names: [HOST, "evil.example"] }), "hello-names", alert(112)],
    [
      "a hidden name (ECH)",
      clientHello({ names: [HOST], extensions: [[0xfe0d, Buffer.alloc(99)]] }),
      "hello-encrypted",
      alert(49),
    ],
    ["no TLS", Buffer.from("SSH-2.0-OpenSSH\r\n"), "hello-not-tls", ""],
    ["plain HTTP", Buffer.from(`GET /v1/7 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`), "hello-not-tls", ""],
    ["a broken message", Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]), "hello-malformed", alert(50)],
    [
      "more than 16 KiB",
      clientHello({ names: [HOST], extensions: [[99, Buffer.alloc(20_000)]] }),
      "hello-too-long",
      alert(49),
    ],
  ])("with %s ends it", async (_, bytes, reason, said) => {
    await using the = await bed({ mode });
    const tunnel = await the.open();
    tunnel.stream.write(bytes);
    expect(await tunnel.text()).toBe(said);
    await expect
      .poll(() => the.bench.log().at(-1))
      .toMatchObject({ event: "close", closedBy: "gateway", reason, bytesUp: 0, bytesDown: 0 });
    expect(the.heard()).toBe(0);
    await allowedStillPasses(the);
  });

  test("that drips is given up on, and one that breaks off, too", async () => {
    await using the = await bed({ mode }, 200);
    const drip = await the.open();
    const hello = clientHello({ names: [HOST] });
    let at = 0;
    const timer = setInterval(() => {
      if (!drip.stream.destroyed) drip.stream.write(hello.subarray(at, ++at));
    }, 20);
    await drip.text();
    clearInterval(timer);
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ reason: "hello-too-slow", closedBy: "gateway" });
    const early = await the.open();
    early.stream.end(hello.subarray(0, 30));
    await early.text();
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ reason: "hello-broken-off", closedBy: "guest" });
    const reset = await the.open();
    reset.stream.close(8);
    await expect.poll(() => the.bench.log().length).toBe(6);
    await allowedStillPasses(the);
  });

  /** How many bytes the host was sent over what it accepted. */
  async function bed(over: Record<string, unknown>, greetingMs = 10_000): Promise<TunnelBed & { heard(): number }> {
    const the = await tunnelBed(over, { limits: { greetingMs } });
    return { ...the, heard: () => the.host.seen.length };
  }
});

describe("what a greeting says is in the log", () => {
  test("of a tunnel that was taken: as it closes, and with each request that came through it", async () => {
    await using the = await tunnelBed();
    const socket = await the.tls("http/1.1");
    await http1In(socket)({ path: "/v1/7", headers: { host: the.place } });
    socket.destroy();
    const said = { sni: HOST, alpn: "http/1.1", ech: false };
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ event: "close", flow: 0, ...said });
    expect(the.bench.log().slice(0, 3)).toMatchObject([
      { event: "open", flow: 0, sni: null, alpn: null, ech: null },
      { event: "open", flow: 1, tunnel: 0, ...said },
      { event: "close", flow: 1, ...said },
    ]);
  });

  test.each([
    [
      { names: [HOST, "evil.example"] },
      { reason: "hello-names", sni: `${HOST},evil.example`, alpn: null, ech: false },
    ],
    [
      { names: ["evil\n.example"], extensions: [[16, Buffer.from("\0\x0c\x02h2\x08http/1.1", "latin1")]] },
      { reason: "hello-name-differs", sni: "evil\n.example", alpn: "h2,http/1.1", ech: false },
    ],
    [
      { names: [HOST], extensions: [[0xfe0d, Buffer.alloc(9)]] },
      { reason: "hello-encrypted", sni: HOST, alpn: null, ech: true },
    ],
    [{ names: ["a".repeat(900)] }, { reason: "hello-name-differs", sni: "a".repeat(300) }],
  ] as [Parameters<typeof clientHello>[0], object][])("of one that was not: %o", async (parts, line) => {
    await using the = await tunnelBed();
    const tunnel = await the.open();
    tunnel.stream.write(clientHello(parts));
    await tunnel.text();
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ event: "close", ...line });
  });

  test.each(["terminate", "splice"])("but not a fake, which rings: %s", async (mode) => {
    const value = ["fk", "a-value-that-is-nobodys", "0123456789abcdef"].join("-");
    const fakes = [{ id: "fk-0123456789", kind: "generic", value, cycle: "c", file: "home/.netrc" }];
    await using the = await tunnelBed({ mode }, { fakes });
    const tunnel = await the.open();
    tunnel.stream.write(clientHello({ names: [`${value}.evil.example`] }));
    await tunnel.text();
    await expect
      .poll(() => the.bench.log().at(-1))
      .toMatchObject({ event: "close", reason: "fake-credential", sni: null });
    expect(the.bench.told).toMatchObject([{ type: "alarm", alarm: { carrier: "fake-credential" } }]);
    expect(JSON.stringify(the.bench.log())).not.toContain(value);
    await allowedStillPasses(the);
  });
});

test("who shows another certificate than the authority's is not believed by a client that knows only that one", async () => {
  await using the = await tunnelBed();
  const untrusting = tlsIn(await the.open(), HOST, {});
  await expect(untrusting).rejects.toThrow(/unable to verify|self-signed|tunnel was closed/);
  await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ event: "close", flow: 0 });
  await allowedStillPasses(the);
});

test("a client that offers no protocol of ours, or an old TLS, gets no further", async () => {
  await using the = await tunnelBed();
  const ca = await the.bench.certificate();
  for (const options of [{ ALPNProtocols: ["spdy/3"] }, { maxVersion: "TLSv1.1", minVersion: "TLSv1" }] as const) {
    const tunnel: OpenTunnel = await the.open();
    await expect(tlsIn(tunnel, HOST, { ca, ciphers: "DEFAULT@SECLEVEL=0", ...options })).rejects.toThrow(
      /alert|tunnel was closed|protocol/i,
    );
    tunnel.stream.destroy();
  }
  await expect
    .poll(() => the.bench.log().flatMap(({ event, reason }) => (event === "close" ? [reason] : [])))
    .toEqual(["tls-failed", "tls-failed"]);
  await allowedStillPasses(the);
});

test("a name is never looked up for a tunnel that is refused", async () => {
  await using bench = await flowBench({
    rules: [{ id: "one", host: HOST, methods: ["GET"], paths: ["/**"] }],
    resolve: neverResolved,
  });
  const tunnel = await openTunnel(bench, "secret-data.evil.example:443");
  expect(tunnel.status).toBe(403);
  if (!tunnel.stream.closed) await once(tunnel.stream.resume(), "close");
});
