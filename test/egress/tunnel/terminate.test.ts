import { once } from "node:events";
import type { ClientHttp2Session } from "node:http2";
import { describe, expect, test } from "vitest";
import { type Answered, type Asking, askHttp2, http1In, http2In, sayRaw, tlsIn } from "../../support/tunnel.ts";
import { HOST, tunnelBed } from "../../support/tunnelBed.ts";

describe("what is in a terminated tunnel is decided request by request", () => {
  test("HTTP/1.1", async () => {
    await using the = await tunnelBed();
    const socket = await the.tls("http/1.1");
    expect(socket.alpnProtocol).toBe("http/1.1");
    expect(socket.authorized).toBe(true);
    const ask = http1In(socket);
    const headers = { host: the.place, "x-odd": "1" };
    expect(await ask({ path: "/v1/7", headers })).toMatchObject({ status: 200, text: "answer" });
    expect(await ask({ path: "/v2/7", headers })).toMatchObject({ status: 403 });
    const post = { method: "POST", path: "/v1/8", headers, body: "{}" };
    expect(await ask(post)).toMatchObject({ status: 200, text: "answer", headers: { etag: "e" } });
    expect(the.host.seen).toMatchObject([
      { method: "GET", url: "/v1/7", serverName: HOST, headers: { host: the.place } },
      { method: "POST", url: "/v1/8", body: "{}" },
    ]);
    expect(the.host.seen[0]?.headers).not.toHaveProperty("x-odd");
    socket.destroy();
    await expect.poll(() => the.bench.log().length).toBe(8);
    expect(the.bench.log()).toMatchObject([
      { event: "open", flow: 0, method: "CONNECT", verdict: "allow", rule: "one", mode: "terminate", tunnel: null },
      { event: "open", flow: 1, method: "GET", verdict: "allow", mode: null, tunnel: 0, stripped: ["x-odd"] },
      { event: "close", flow: 1, status: 200, dialed: "127.0.0.1", reason: "ok" },
      { event: "open", flow: 2, verdict: "deny", reason: "path-not-listed", tunnel: 0 },
      { event: "close", flow: 2, status: 403 },
      { event: "open", flow: 3, method: "POST", bytesUp: 2, tunnel: 0 },
      { event: "close", flow: 3, bytesDown: 6 },
      { event: "close", flow: 0, status: 200, closedBy: "guest", reason: "ok", dialed: null },
    ]);
  });

  test("HTTP/2", async () => {
    await using the = await tunnelBed();
    const session = http2In(await the.tls("h2"), `https://${the.place}`);
    const get = { ":method": "GET", ":path": "/v1/7" };
    expect(await askHttp2(session, get)).toMatchObject({ status: 200, text: "answer" });
    expect(await askHttp2(session, { ...get, ":path": "/v2/7" })).toMatchObject({ status: 403 });
    expect(await askHttp2(session, { ":method": "POST", ":path": "/v1/8" }, "{}")).toMatchObject({ status: 200 });
    expect(the.host.seen).toMatchObject([{ url: "/v1/7" }, { url: "/v1/8", body: "{}" }]);
    session.destroy();
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ event: "close", flow: 0, reason: "ok" });
  });
});

describe("the host that the tunnel was opened to is the only one that is asked", () => {
  test("another Host inside (domain fronting) is refused, over HTTP/1.1", async () => {
    await using the = await tunnelBed();
    const ask = http1In(await the.tls("http/1.1"));
    for (const host of ["evil.example", `${HOST}:1`, HOST, "broker.weakdoor.internal", `x.${the.place}`]) {
      const reply = await ask({ path: "/v1/7", headers: { host } });
      expect(reply, host).toMatchObject({ status: 421 });
    }
    expect(await ask({ path: "/v1/8", headers: { host: the.place } })).toMatchObject({ status: 200 });
    expect(the.host.seen.map(({ url }) => url)).toEqual(["/v1/8"]);
    expect(the.bench.log()[1]).toMatchObject({ verdict: "deny", reason: "inner-authority-differs", tunnel: 0 });
  });

  test("another :authority, or a Host beside it that differs, is refused, over HTTP/2", async () => {
    await using the = await tunnelBed();
    const session = http2In(await the.tls("h2"), `https://${the.place}`);
    const get = { ":method": "GET", ":path": "/v1/7" };
    expect(await askHttp2(session, { ...get, ":authority": "evil.example" })).toMatchObject({ status: 421 });
    expect(await askHttp2(session, { ...get, ":authority": the.place, host: "evil.example" })).toMatchObject({
      status: 400,
    });
    expect(await askHttp2(session, { ...get, ":scheme": "http" })).toMatchObject({ status: 400 });
    expect(await askHttp2(session, { ":method": "CONNECT", ":authority": the.place })).toMatchObject({ status: 403 });
    expect(await askHttp2(session, { ...get, ":path": "/v1/8" })).toMatchObject({ status: 200 });
    expect(the.host.seen.map(({ url }) => url)).toEqual(["/v1/8"]);
    expect(the.bench.log().flatMap(({ event, reason }) => (event === "open" ? [reason] : []))).toEqual([
      "rule",
      "inner-authority-differs",
      "host-header-differs",
      "inner-scheme",
      "tunnel",
      "rule",
    ]);
  });

  test.each(["websocket", "connect-udp"])(
    "an extended CONNECT for %s is an upgrade that no rule allows",
    async (name) => {
      await using the = await tunnelBed();
      const session = http2In(await the.tls("h2"), `https://${the.place}`);
      if (!session.remoteSettings.enableConnectProtocol) await once(session, "remoteSettings");
      const socket = { ":method": "CONNECT", ":protocol": name, ":scheme": "https", ":path": "/v1/7" };
      expect(await askHttp2(session, { ...socket, ":authority": the.place })).toMatchObject({ status: 403 });
      expect(the.bench.log()[1]).toMatchObject({ verdict: "deny", reason: "form-upgrade", tunnel: 0 });
      expect(the.host.seen).toEqual([]);
    },
  );

  test("a canary host inside rings as it does outside", async () => {
    await using the = await tunnelBed({}, { canaryHosts: ["canary.example"] });
    const ask = http1In(await the.tls("http/1.1"));
    expect(await ask({ path: "/v1/7", headers: { host: "canary.example" } })).toMatchObject({ status: 421 });
    expect(the.bench.told).toMatchObject([{ type: "alarm", alarm: { carrier: "canary-host" } }]);
    expect(await ask({ path: "/v1/8", headers: { host: the.place } })).toMatchObject({ status: 200 });
    expect(the.bench.told).toHaveLength(1);
  });
});

describe("a request that two readers could understand differently is refused, and the next tunnel works", () => {
  const close = "connection: close\r\n";
  test.each([
    [
      "both lengths",
      (host: string) => post(host, "content-length: 2\r\ntransfer-encoding: chunked\r\n"),
      "inner-malformed",
    ],
    [
      "two lengths that differ",
      (host: string) => post(host, "content-length: 2\r\ncontent-length: 3\r\n"),
      "inner-malformed",
    ],
    ["another coding", (host: string) => post(host, "transfer-encoding: gzip, chunked\r\n"), "form-coding"],
    [
      "a coding behind chunked",
      (host: string) => post(host, "transfer-encoding: chunked, gzip\r\n"),
      "inner-malformed",
    ],
    ["a folded line", (host: string) => get(host, "/v1/7", "x: a\r\n b\r\n"), "inner-malformed"],
    ["a space before the colon", (host: string) => get(host, "/v1/7", "x : a\r\n"), "inner-malformed"],
    ["a bare line feed", (host: string) => get(host, "/v1/7", "x: a\n"), "inner-malformed"],
    ["a NUL", (host: string) => get(host, "/v1/7", "x: a\0b\r\n"), "inner-malformed"],
    ["two Hosts", (host: string) => get(host, "/v1/7", "host: evil.example\r\n"), "form-hosts"],
    ["the same Host twice", (host: string) => get(host, "/v1/7", `host: ${host}\r\n`), "form-hosts"],
    ["no Host", () => `GET /v1/7 HTTP/1.1\r\n${close}\r\n`, "authority-missing"],
    ["a whole URL of another host", (host: string) => get(host, "http://evil.example/v1/7"), "form-target"],
    ["a whole URL", (host: string) => get(host, `https://${host}/v1/7`), "form-target"],
    ["an asterisk", (host: string) => get(host, "*"), "form-target"],
    ["two types", (host: string) => get(host, "/v1/7", "content-type: a/b\r\ncontent-type: c/d\r\n"), "form-twice"],
    [
      "an upgrade to HTTP/2",
      (host: string) => get(host, "/v1/7", "upgrade: h2c\r\nhttp2-settings: AA\r\n"),
      "form-upgrade",
    ],
    [
      "an upgrade to a websocket",
      (host: string) => get(host, "/v1/7", "upgrade: websocket\r\nsec-websocket-version: 13\r\n"),
      "form-upgrade",
    ],
    [
      "a tunnel in the tunnel",
      () => "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n",
      "inner-malformed",
    ],
    ["headers of 20 KiB", (host: string) => get(host, "/v1/7", `x: ${"a".repeat(20_000)}\r\n`), "inner-malformed"],
    ["no version", (host: string) => `GET /v1/7\r\nhost: ${host}\r\n${close}\r\n`, "form-version"],
    ["what it expects, and nobody knows", (host: string) => get(host, "/v1/7", "expect: more\r\n"), "form-expect"],
    [
      "a coding with a space that is none",
      (host: string) => post(host, "transfer-encoding:\u00a0chunked\r\n"),
      "inner-malformed",
    ],
    ["no HTTP at all", () => "SSH-2.0-x\r\n\r\n", "inner-malformed"],
    ["HTTP/2 that was not agreed on", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "inner-malformed"],
  ])("%s", async (_, say, reason) => {
    await using the = await tunnelBed();
    const refused = await sayRaw(await the.tls("http/1.1"), say(the.place));
    expect(refused).toMatch(/^HTTP\/1\.1 4\d\d [^]*\r\n\r\n[^]*[a-z ]{20,}/);
    const allowed = await sayRaw(await the.tls("http/1.1"), get(the.place, "/v1/8"));
    expect(allowed).toMatch(/^HTTP\/1\.1 200 [^]*answer/);
    expect(the.host.seen.map(({ url }) => url)).toEqual(["/v1/8"]);
    await expect.poll(() => the.bench.log().map((line) => line["reason"])).toContain(reason);
  });

  function get(host: string, target: string, more = ""): string {
    return `GET ${target} HTTP/1.1\r\nhost: ${host}\r\n${close}${more}\r\n`;
  }

  function post(host: string, more: string): string {
    return `POST /v1/7 HTTP/1.1\r\nhost: ${host}\r\n${close}${more}\r\n2\r\n{}\r\n0\r\n\r\n`;
  }
});

describe("what goes through a terminated tunnel is bounded and searched like everything else", () => {
  test("a fake in a request that Node would answer by itself rings", async () => {
    const value = ["fk", "a-value-that-is-nobodys", "0123456789abcdef"].join("-");
    const fake = { id: "fk-0123456789", kind: "generic", value, cycle: "c", file: "home/.netrc" };
    await using the = await tunnelBed({}, { fakes: [fake] });
    const head = `GET /v1/7 HTTP/1.1\r\nhost: ${the.place}\r\nconnection: close\r\nexpect: more\r\nx: ${value}\r\n\r\n`;
    expect(await sayRaw(await the.tls("http/1.1"), head)).toMatch(/^HTTP\/1\.1 403 /);
    expect(the.bench.told).toMatchObject([
      { type: "alarm", alarm: { carrier: "fake-credential", subject: fake.id } },
    ]);
    expect(the.host.seen).toEqual([]);
  });

  test.each(["http/1.1", "h2"] as const)("a fake in a body, a header or a path, over %s", async (alpn) => {
    const value = ["fk", "a-value-that-is-nobodys", "0123456789abcdef"].join("-");
    const fake = { id: "fk-0123456789", kind: "generic", value, cycle: "c", file: "home/.netrc" };
    await using the = await tunnelBed({ query: ["q"] }, { fakes: [fake] });
    const socket = await the.tls(alpn);
    const ask = alpn === "h2" ? overHttp2(http2In(socket, `https://${the.place}`)) : http1In(socket);
    const headers: Record<string, string> = alpn === "h2" ? {} : { host: the.place };
    const encoded = Buffer.from(value).toString("base64");
    const asked: Asking[] = [
      { method: "POST", path: "/v1/7", headers, body: JSON.stringify({ note: encoded }) },
      { path: "/v1/7", headers: { ...headers, "x-note": value } },
      { path: `/v1/7?q=${value}`, headers },
    ];
    for (const one of asked) {
      expect(await ask(one)).toMatchObject({ status: 403, text: "the request was refused and reported\n" });
    }
    expect(the.host.seen).toEqual([]);
    expect(the.bench.told.filter(({ type }) => type === "alarm")).toHaveLength(3);
    expect(await ask({ method: "POST", path: "/v1/8", headers, body: "{}" })).toMatchObject({ status: 200 });
  });

  test.each(["http/1.1", "h2"] as const)("bodies and answers, over %s", async (alpn) => {
    const long = "a".repeat(10_001);
    await using the = await tunnelBed({}, {}, (response, { url }) =>
      response.end(url === "/v1/long" ? long : "answer"),
    );
    const session = async () => {
      const socket = await the.tls(alpn);
      return alpn === "h2" ? overHttp2(http2In(socket, `https://${the.place}`)) : http1In(socket);
    };
    const headers: Record<string, string> = alpn === "h2" ? {} : { host: the.place };
    const tooLong = { method: "POST", path: "/v1/7", headers, body: long };
    expect(await (await session())(tooLong)).toMatchObject({ status: 413 });
    expect(the.host.seen).toEqual([]);
    const fits = { ...tooLong, body: long.slice(1) };
    expect(await (await session())(fits)).toMatchObject({ status: 200, text: "answer" });
    // Cut off, and over either protocol the client sees that it is not whole.
    const cut = await (await session())({ path: "/v1/long", headers }).then(
      ({ text }) => text.length,
      () => 0,
    );
    expect(cut).toBeLessThan(10_001);
    await expect.poll(() => the.bench.log().map(({ reason }) => reason)).toContain("response-too-long");
  });

  test("a host that never answers holds up its own request and no other", async () => {
    await using the = await tunnelBed({}, {}, (response, { url }) => {
      if (url !== "/v1/never") response.end("answer");
    });
    const session = http2In(await the.tls("h2"), `https://${the.place}`);
    const waiting = askHttp2(session, { ":method": "GET", ":path": "/v1/never" });
    waiting.catch(() => undefined);
    await expect.poll(() => the.host.seen.length).toBe(1);
    expect(await askHttp2(session, { ":method": "GET", ":path": "/v1/7" })).toMatchObject({ status: 200 });
    session.destroy();
    await expect(waiting).rejects.toThrow(/no answer/);
    await expect.poll(() => the.bench.log().filter(({ event }) => event === "close").length).toBe(3);
  });

  test("a tunnel in which nothing is asked is closed, also one whose request never gets whole, and not one at work", async () => {
    await using the = await tunnelBed({}, { limits: { idleMs: 300 } }, (response) => {
      setTimeout(() => response.end("slow"), 900);
    });
    const drip = await the.tls("http/1.1");
    const timer = setInterval(() => !drip.destroyed && drip.write("G"), 20);
    await once(drip, "close");
    clearInterval(timer);
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ event: "close", closedBy: "gateway" });
    const silent = await the.tls("h2");
    await once(silent.resume(), "close");
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ reason: "tunnel-idle" });
    const busy = http1In(await the.tls("http/1.1"));
    expect(await busy({ path: "/v1/7", headers: { host: the.place } })).toMatchObject({ text: "slow" });
  });

  test("a tunnel has an end, however busy it is", async () => {
    await using the = await tunnelBed({}, { limits: { lifetimeMs: 400 } });
    const socket = await the.tls("http/1.1");
    const ask = http1In(socket);
    const closed = once(socket, "close");
    const talk = setInterval(
      () => void ask({ path: "/v1/7", headers: { host: the.place } }).catch(() => undefined),
      50,
    );
    await closed;
    clearInterval(talk);
    const reasons = () => the.bench.log().map(({ reason }) => reason);
    await expect.poll(reasons, { timeout: 20_000 }).toContain("tunnel-too-long");
  });

  test("a guest that leaves in the middle takes its request, its tunnel and nothing else with it", async () => {
    await using the = await tunnelBed();
    for (const alpn of ["http/1.1", "h2"] as const) {
      const tunnel = await the.open();
      const socket = await tlsIn(tunnel, HOST, { ca: await the.bench.certificate(), ALPNProtocols: [alpn] });
      socket.write("POST /v1/7 HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf");
      tunnel.stream.close(8);
    }
    await expect.poll(() => openFlows(the.bench.log())).toBe(0);
    const ask = http1In(await the.tls("http/1.1"));
    expect(await ask({ path: "/v1/8", headers: { host: the.place } })).toMatchObject({ status: 200 });
  });
});

function openFlows(log: Record<string, unknown>[]): number {
  const of = (wanted: string) => log.filter(({ event }) => event === wanted).length;
  return of("open") - of("close");
}

function overHttp2(session: ClientHttp2Session) {
  return ({ method = "GET", path = "/", headers = {}, body }: Asking): Promise<Answered> =>
    askHttp2(session, { ...headers, ":method": method, ":path": path }, body);
}
