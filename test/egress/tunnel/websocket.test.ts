import { once } from "node:events";
import { Agent, WebSocket } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { frame, OPCODE } from "../../../src/egress/tunnel/frames.ts";
import { acceptOf } from "../../../src/egress/tunnel/upgraded.ts";
import { othersToken } from "../../support/othersToken.ts";
import { openTunnel, tlsIn } from "../../support/tunnel.ts";
import { HOST } from "../../support/tunnelBed.ts";
import { type Client, KEY, type WebsocketBed, websocketBed } from "../../support/websocketBed.ts";

const WAYS = ["http/1.1", "h2"] as const;
const { text, binary, ping, pong, close, continuation } = OPCODE;

const said = ({ got }: Pick<Client, "got">) => got.map(({ opcode, payload }) => [opcode, payload.toString()]);
const lines = ({ bench }: WebsocketBed, event: string) =>
  bench.log().filter((line) => line["event"] === event && line["tunnel"] !== null);
/** How the last websocket of this bed went, once it is over. */
const closing = async (the: WebsocketBed, client: Client): Promise<Record<string, unknown>> => {
  await client.closed;
  const flow = the.bench.log().findLast(({ event, tunnel }) => event === "open" && tunnel !== null)?.["flow"];
  const found = () => the.bench.log().find((line) => line["event"] === "close" && line["flow"] === flow);
  await expect.poll(found).toBeDefined();
  return found() ?? {};
};

describe.each(WAYS)("a websocket over %s", (alpn) => {
  test("that a rule allows passes messages both ways, with a handshake of the gateway's own", async () => {
    await using the = await websocketBed({ query: ["q"], subprotocols: ["chat"] });
    const odd = { origin: "https://evil.example", "x-odd": "1", "sec-websocket-protocol": "secret-token, chat" };
    const client = await the.open(alpn, odd);
    expect(client.status).toBe(alpn === "h2" ? 200 : 101);
    expect(client.headers["sec-websocket-accept"]).toBe(alpn === "h2" ? undefined : acceptOf(KEY));
    client.say(text, "hello");
    client.say(binary, Buffer.alloc(300, 1));
    client.say(ping, "p");
    await expect.poll(() => client.got.length).toBe(3);
    expect(said(client)).toEqual([
      [text, "hello"],
      [binary, Buffer.alloc(300, 1).toString()],
      [pong, "p"],
    ]);
    client.say(close, Buffer.from([3, 232]));
    await client.closed;
    const headers = the.host.asked[0]?.headers ?? {};
    expect(headers).toMatchObject({
      host: the.place,
      origin: `https://${the.place}`,
      "sec-websocket-protocol": "chat",
    });
    expect(headers).not.toHaveProperty("x-odd");
    expect(headers).not.toHaveProperty("sec-websocket-extensions");
    expect(headers["sec-websocket-key"]).not.toBe(KEY);
    expect(the.host.got.map(({ opcode }) => opcode)).toEqual([text, binary, ping, close]);
    const close_ = await closing(the, client);
    expect(close_).toMatchObject({ status: 200, reason: "ok", dialed: "127.0.0.1" });
    expect(close_["bytesUp"]).toBeGreaterThan(306);
    expect(close_["bytesDown"]).toBeGreaterThan(306);
    expect(lines(the, "open").at(-1)).toMatchObject({ method: "GET", path: "/v1/7", mode: "websocket", rule: "one" });
  });

  test("in fragments, with a ping between them, goes up as one message", async () => {
    await using the = await websocketBed();
    const client = await the.open(alpn);
    client.say(text, "he", false);
    client.say(ping, "");
    client.say(continuation, "", false);
    client.say(continuation, "llo");
    await expect
      .poll(() => said(client))
      .toEqual([
        [pong, ""],
        [text, "hello"],
      ]);
    expect(the.host.got.map(({ opcode, isFinal }) => [opcode, isFinal])).toEqual([
      [ping, true],
      [text, true],
    ]);
  });

  test("that no rule allows is refused as any upgrade is, and a plain request beside it is not", async () => {
    await using the = await websocketBed({ websocket: false });
    const client = await the.open(alpn);
    expect(client.status).toBe(403);
    await closing(the, client);
    expect(the.bench.log()[1]).toMatchObject({ event: "open", verdict: "deny", reason: "form-upgrade", mode: null });
    expect(the.host.asked).toEqual([]);
  });

  test("that nobody ends in order is let go of, whoever broke it off", async () => {
    await using the = await websocketBed({}, {}, { onSlice: (_, peer) => void peer.destroy() });
    const left = await the.open(alpn);
    left.stream.destroy();
    await expect.poll(() => the.host.ended).toBe(1);
    const broken = await the.open(alpn);
    broken.say(text, "x");
    await broken.closed;
    await expect.poll(() => lines(the, "close").filter(({ dialed }) => dialed !== null).length).toBe(2);
  });
});

describe.each(WAYS)("a websocket over %s", (alpn) => {
  let the: WebsocketBed;
  beforeAll(async () => {
    the = await websocketBed();
  });
  afterAll(() => the[Symbol.asyncDispose]());

  test.each<[string, (client: Client) => void, number, string]>([
    [
      "that is not masked",
      (one) => one.raw(frame({ opcode: text, payload: Buffer.from("x"), isFinal: true }, false)),
      1002,
      "websocket-mask",
    ],
    ["with a reserved bit", (one) => one.raw(Buffer.from([0xc1, 0x80, 0, 0, 0, 0])), 1002, "websocket-reserved"],
    ["of an unknown kind", (one) => one.raw(Buffer.from([0x83, 0x80, 0, 0, 0, 0])), 1002, "websocket-opcode"],
    ["of control in two pieces", (one) => one.say(ping, "x", false), 1002, "websocket-control"],
    [
      "of control that is long",
      (one) => one.raw(Buffer.from([0x89, 0xfe, 0, 126, 0, 0, 0, 0])),
      1002,
      "websocket-control",
    ],
    [
      "whose length is written too long",
      (one) => one.raw(Buffer.from([0x82, 0xfe, 0, 5, 0, 0, 0, 0])),
      1002,
      "websocket-length",
    ],
    [
      "longer than there are bytes",
      (one) => one.raw(Buffer.from([0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0])),
      1002,
      "websocket-length",
    ],
    ["that continues nothing", (one) => one.say(continuation, "x"), 1002, "websocket-continuation"],
    [
      "that begins within another",
      (one) => (one.say(text, "x", false), one.say(text, "y")),
      1002,
      "websocket-continuation",
    ],
    ["that closes with a code of nobody's", (one) => one.say(close, Buffer.from([3, 237])), 1002, "websocket-close"],
    ["of text that is none", (one) => one.say(text, Buffer.from([0xc3, 0x28])), 1007, "websocket-text"],
  ])("a frame %s ends it, and the log says why", async (_, act, code, reason) => {
    const client = await the.open(alpn);
    client.say(text, "before");
    await expect.poll(() => client.got.length).toBe(1);
    act(client);
    expect(await closing(the, client)).toMatchObject({ reason, closedBy: "gateway" });
    expect(client.closeCode()).toBe(code);
    expect(the.host.got.splice(0).map(({ payload }) => payload.toString())).toEqual(["before"]);
    await expect.poll(() => the.host.ended).toBe(the.host.asked.length);
  });
});

describe("what goes through a websocket is bounded and searched like a body", () => {
  const value = ["fk", "a-value-that-is-nobodys", "0123456789abcdef"].join("-");
  const fakes = [{ id: "fk-0123456789", kind: "generic", value, cycle: "c", file: "home/.netrc" }];

  test.each<[string, (client: Client) => void]>([
    ["in one message", (one) => one.say(text, JSON.stringify({ note: Buffer.from(value).toString("base64") }))],
    [
      "in a message of two frames",
      (one) => (one.say(text, value.slice(0, 20), false), one.say(continuation, value.slice(20))),
    ],
    ["over two messages", (one) => (one.say(binary, value.slice(0, 20)), one.say(binary, value.slice(20)))],
    ["over pings", (one) => (one.say(ping, value.slice(0, 20)), one.say(ping, value.slice(20)))],
    ["in a close", (one) => one.say(close, Buffer.concat([Buffer.from([3, 232]), Buffer.from(value)]))],
  ])("a fake %s rings, and is not passed on whole", async (_, act) => {
    await using the = await websocketBed({}, { fakes });
    const client = await the.open("http/1.1");
    client.say(text, "nothing of note");
    await expect.poll(() => client.got.length).toBe(1);
    act(client);
    expect(await closing(the, client)).toMatchObject({ reason: "fake-credential", closedBy: "gateway" });
    expect(client.closeCode()).toBe(1008);
    expect(the.bench.told).toMatchObject([
      { type: "alarm", alarm: { carrier: "fake-credential", subject: "fk-0123456789" } },
    ]);
    expect(the.host.got.map(({ payload }) => payload.toString()).join("")).not.toContain(value);
    expect(JSON.stringify(the.bench.log())).not.toContain(value);
  });

  test.each<[string, number, (token: string) => string]>([
    ["as it stands", text, (token) => token],
    ["in JSON", text, (token) => JSON.stringify({ auth: { token } })],
    ["in binary", binary, (token) => `\0\x01${token}\xff`],
  ])("a credential of others %s is not passed on, told and logged, and one that is none passes", async (...row) => {
    const [, opcode, carrying] = row;
    const token = othersToken();
    const wrong = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
    await using the = await websocketBed();
    const client = await the.open("http/1.1");
    client.say(opcode, Buffer.from(carrying(wrong), "latin1"));
    await expect.poll(() => the.host.got.length).toBe(1);
    client.say(opcode, Buffer.from(carrying(token), "latin1"));
    const credential = { place: "message", kind: "github-token", length: token.length };
    expect(await closing(the, client)).toMatchObject({
      reason: "foreign-credential",
      closedBy: "gateway",
      credential,
    });
    expect(client.closeCode()).toBe(1008);
    expect(the.host.got).toHaveLength(1);
    expect(the.bench.told).toMatchObject([
      { type: "alarm", alarm: { carrier: "foreign-credential", subject: HOST, sandbox: "wd-lab" } },
    ]);
    expect(JSON.stringify([the.bench.told, the.bench.log()])).not.toContain(token.slice(4, 20));
  });

  test("a credential of ours that comes from inside is told as such", async () => {
    const ours = ["what", "the", "gateway", "puts", "in"].join("-");
    await using the = await websocketBed({}, { secrets: { API_KEY: ours } });
    const client = await the.open("http/1.1");
    client.say(text, `use ${ours}`);
    expect(await closing(the, client)).toMatchObject({
      reason: "foreign-credential",
      credential: { place: "message", kind: "ours" },
    });
    expect(the.host.got).toEqual([]);
    expect(JSON.stringify([the.bench.told, the.bench.log()])).not.toContain(ours);
  });

  test("bytes up: what fits the rule passes, and not a byte more", async () => {
    await using the = await websocketBed({ requestBytesMax: 1_000 });
    const client = await the.open("http/1.1");
    client.say(binary, Buffer.alloc(900));
    await expect.poll(() => client.got.length).toBeGreaterThan(0);
    client.say(binary, Buffer.alloc(100));
    expect(await closing(the, client)).toMatchObject({ reason: "tunnel-over-budget", bytesUp: 908 });
    expect(client.closeCode()).toBe(1009);
    expect(the.host.got).toHaveLength(1);
  });

  test("bytes down, too", async () => {
    const onOpen: NonNullable<Parameters<typeof websocketBed>[2]>["onOpen"] = (peer) => {
      for (let i = 0; i < 20; i++) {
        peer.write(frame({ opcode: binary, payload: Buffer.alloc(1_000), isFinal: true }, false));
      }
    };
    await using the = await websocketBed({ responseBytesMax: 10_000 }, {}, { onOpen });
    const client = await the.open("http/1.1");
    const line = await closing(the, client);
    expect(line).toMatchObject({ reason: "tunnel-over-budget", closedBy: "gateway" });
    expect(line["bytesDown"]).toBeLessThanOrEqual(10_000);
    expect(line["bytesDown"]).toBeGreaterThan(0);
  });

  test("control frames: a flood ends it, either way", async () => {
    await using the = await websocketBed();
    const client = await the.open("http/1.1");
    for (let i = 0; i < 150; i++) client.say(ping, "");
    expect(await closing(the, client)).toMatchObject({ reason: "websocket-control-flood" });
    expect(the.host.got.length).toBeLessThan(150);
    const flood: NonNullable<Parameters<typeof websocketBed>[2]>["onOpen"] = (peer) => {
      for (let i = 0; i < 150; i++)
        peer.write(frame({ opcode: ping, payload: Buffer.alloc(0), isFinal: true }, false));
    };
    await using other = await websocketBed({}, {}, { onOpen: flood });
    expect(await closing(other, await other.open("http/1.1"))).toMatchObject({ reason: "websocket-control-flood" });
  });

  test("the latch is looked at before each message", async () => {
    await using the = await websocketBed();
    const client = await the.open("http/1.1");
    client.say(text, "before");
    await expect.poll(() => client.got.length).toBe(1);
    the.bench.latch();
    client.say(text, "after");
    expect(await closing(the, client)).toMatchObject({ reason: "latched", closedBy: "gateway" });
    expect(the.host.got.map(({ payload }) => payload.toString())).toEqual(["before"]);
  });

  test("one whose rule was taken out is closed at its next message, and one whose rule stayed is not", async () => {
    await using the = await websocketBed();
    const client = await the.open("http/1.1");
    the.bench.keepRules(["one"]);
    client.say(text, "before");
    await expect.poll(() => client.got.length).toBe(1);
    the.bench.keepRules([]);
    client.say(text, "after");
    expect(await closing(the, client)).toMatchObject({ reason: "rule-withdrawn", closedBy: "gateway" });
    expect(client.closeCode()).toBe(1008);
    expect(the.host.got.map(({ payload }) => payload.toString())).toEqual(["before"]);
  });

  test("one in which nothing is said is closed, and so is one that lasts too long", async () => {
    await using the = await websocketBed({}, { limits: { idleMs: 200 } });
    const silent = await the.open("http/1.1");
    expect(await closing(the, silent)).toMatchObject({ reason: "tunnel-idle" });
    expect(silent.closeCode()).toBe(1001);
    await using busy = await websocketBed({}, { limits: { lifetimeMs: 500 } });
    const client = await busy.open("http/1.1");
    const talk = setInterval(() => client.say(text, "x"), 20);
    await client.closed;
    clearInterval(talk);
    await expect.poll(() => busy.bench.log().map(({ reason }) => reason)).toContain("tunnel-too-long");
  });
});

describe("a host that opens no websocket, or another one than was asked for, is no answer", () => {
  test.each([
    ["it says no", null, "answered with 404"],
    ["it did not read the key", { "sec-websocket-accept": acceptOf(KEY) }, "did not answer our key"],
    ["it opens something else", { upgrade: "other" }, "something else"],
    ["it wants an extension", { "sec-websocket-extensions": "permessage-deflate" }, "an extension"],
    ["it chose what nobody offered", { "sec-websocket-protocol": "other" }, "a subprotocol"],
  ])("%s", async (_, headers, why) => {
    await using the = await websocketBed({}, {}, { headers });
    const client = await the.open("http/1.1");
    expect(client.status).toBe(502);
    expect(await closing(the, client)).toMatchObject({ reason: expect.stringContaining(why) });
    await expect.poll(() => the.host.ended).toBe(1);
  });

  test("a bad frame from the host ends it, too", async () => {
    await using the = await websocketBed({}, {}, { onOpen: (peer) => void peer.write(Buffer.from([0x83, 0])) });
    const client = await the.open("h2");
    expect(await closing(the, client)).toMatchObject({ reason: "websocket-opcode", closedBy: "gateway" });
    expect(client.closeCode()).toBe(1002);
  });
});

test("a client that is none of ours speaks through it", async () => {
  await using the = await websocketBed();
  const tunnel = await openTunnel(the.bench, the.place);
  const socket = await tlsIn(tunnel, HOST, { ca: await the.bench.certificate(), ALPNProtocols: ["http/1.1"] });
  const dispatcher = new Agent({ connect: (_, done) => void setImmediate(done, null, socket) });
  const client = new WebSocket(`wss://${the.place}/v1/7`, { dispatcher });
  const heard: string[] = [];
  client.addEventListener("message", ({ data }) => void heard.push(String(data)));
  await new Promise((resolve, reject) => {
    client.addEventListener("open", resolve);
    client.addEventListener("error", reject);
  });
  expect(client.extensions).toBe("");
  const long = "long ".repeat(500);
  for (const one of ["hello", long]) client.send(one);
  await expect.poll(() => heard).toEqual(["hello", long]);
  const closed = new Promise<{ code: number }>((resolve) => client.addEventListener("close", resolve));
  client.close(1000);
  expect(await closed).toMatchObject({ code: 1000 });
  expect(the.host.got.map(({ opcode }) => opcode)).toEqual([text, text, close]);
  await dispatcher.destroy();
});

test.each([
  ["without its key", "sec-websocket-version: 13\r\n"],
  ["of another version", `sec-websocket-version: 8\r\nsec-websocket-key: ${KEY}\r\n`],
  ["with two keys", `sec-websocket-version: 13\r\nsec-websocket-key: ${KEY}\r\nsec-websocket-key: ${KEY}\r\n`],
  ["with a body", `sec-websocket-version: 13\r\nsec-websocket-key: ${KEY}\r\ncontent-length: 3\r\n`],
])("an upgrade %s is none, whatever the rule says", async (_, more) => {
  await using the = await websocketBed();
  const tunnel = await openTunnel(the.bench, the.place);
  const socket = await tlsIn(tunnel, HOST, { ca: await the.bench.certificate(), ALPNProtocols: ["http/1.1"] });
  socket.write(
    `GET /v1/7 HTTP/1.1\r\nhost: ${the.place}\r\nconnection: upgrade\r\nupgrade: websocket\r\n${more}\r\nabc`,
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 403/);
  socket.destroy();
  expect(the.host.asked).toEqual([]);
});
