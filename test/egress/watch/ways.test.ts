import type { OutgoingHttpHeaders } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { OPCODE } from "../../../src/egress/tunnel/frames.ts";
import { AUTHORITY } from "../../../src/guest/wire.ts";
import { clientHello, inRecords } from "../../support/clientHello.ts";
import type { FlowBench } from "../../support/flowBench.ts";
import { http2In, openTunnel } from "../../support/tunnel.ts";
import { HOST, type TunnelBed, tunnelBed } from "../../support/tunnelBed.ts";
import { type WebsocketBed, websocketBed } from "../../support/websocketBed.ts";

/** Every way up that there is, with a fake in it: each rings once and stops everything once, and the fake gets nowhere. */
const VALUE = ["Wd", "Fake", "0123456789abcdefGHIJKLMNop"].join("-");
const [FIRST, SECOND] = [VALUE.slice(0, 16), VALUE.slice(16)];
const FAKE = { id: "fk-0123456789", kind: "generic", value: VALUE, cycle: "c1", file: "home/.env" };
const BASE64 = Buffer.from(VALUE).toString("base64");

function watched() {
  const whys: string[] = [];
  return { whys, options: { fakes: [FAKE], seal: (why: string) => void whys.push(why) } };
}

/** A busy machine starts a thread in seconds. */
const SLOW = { timeout: 30_000 };

/** What came of it, once something did, and what it left behind. */
async function cameOf(bench: FlowBench, whys: readonly string[], heard: () => string) {
  await expect.poll(() => whys.length, SLOW).toBeGreaterThan(0);
  // Whatever else it sets off is through by then.
  await bench.shim.tell("GET", "/v1/brief").catch(() => undefined);
  const alarms = bench.told.flatMap((message) => (message.type === "alarm" ? [message.alarm] : []));
  const told = JSON.stringify([alarms, whys, bench.log(), heard()]);
  return {
    stops: whys.map((why) => why.includes(FAKE.id)),
    alarms: alarms.map(({ carrier, subject, sandbox }) => [carrier, subject, sandbox]),
    leaks: [VALUE, BASE64, SECOND].filter((text) => told.includes(text)),
  };
}

const ONCE = { stops: [true], alarms: [["fake-credential", FAKE.id, "wd-lab"]], leaks: [] };

type Way = (the: TunnelBed, plain: (headers: OutgoingHttpHeaders, body?: string | Uint8Array) => void) => unknown;

const POST = { ":method": "POST" };
const raw = async (the: TunnelBed, bytes: string) => (await the.tls("http/1.1")).write(bytes);
const inner = (the: TunnelBed, more: string) => `POST /v1/7 HTTP/1.1\r\nhost: ${the.place}\r\n${more}`;

/** To a host that a rule names, plainly or through a tunnel that is terminated; and to what no rule names. */
const WAYS: Record<string, Way> = {
  "the path": (_, ask) => ask({ ":path": `/v1/${VALUE}` }),
  "the path, escaped": (_, ask) => ask({ ":path": `/v1/%57${VALUE.slice(1)}` }),
  "the query": (_, ask) => ask({ ":path": `/v1/7?q=${VALUE}` }),
  "the fragment": (_, ask) => ask({ ":path": `/v1/7#${VALUE}` }),
  "the authority": (_, ask) => ask({ ":authority": `${VALUE}.evil.example` }),
  "the authority, in small letters": (_, ask) => ask({ ":authority": `${VALUE.toLowerCase()}.evil.example` }),
  "two labels of a name": (_, ask) => ask({ ":authority": `${FIRST}.${SECOND}.evil.example` }),
  "the scheme": (_, ask) => ask({ ":scheme": VALUE }),
  "the method": (_, ask) => ask({ ":method": VALUE }),
  "a header": (_, ask) => ask({ "x-note": VALUE }),
  "a header, as Basic": (_, ask) =>
    ask({ authorization: `Basic ${Buffer.from(`user:${VALUE}`).toString("base64")}` }),
  "the name of a header": (_, ask) => ask({ [VALUE.toLowerCase()]: "1" }),
  "a cookie": (_, ask) => ask({ cookie: `a=1; b=${VALUE}` }),
  "a body": (_, ask) => ask(POST, VALUE),
  "a body, compressed": (_, ask) => ask({ ...POST, "content-encoding": "gzip" }, gzipSync(VALUE)),
  "a body to a host that is denied": (_, ask) => ask({ ...POST, ":authority": "evil.example" }, BASE64),
  "a body of two pieces of JSON": (_, ask) => ask(POST, JSON.stringify([FIRST, { a: SECOND }])),
  "a trailer": ({ bench, place }) => {
    const stream = bench.shim.session.request(
      { ":method": "POST", ":scheme": "http", ":authority": place, ":path": "/v1/7" },
      { waitForTrailers: true },
    );
    stream.on("error", () => undefined).on("wantTrailers", () => stream.sendTrailers({ "x-sum": VALUE }));
    stream.end("a body");
  },
  "the name of a tunnel's host": ({ bench }) =>
    bench.shim.ask({ ":method": "CONNECT", ":authority": `${VALUE}.example:443` }).catch(() => undefined),
  "a message to the broker": ({ bench }) =>
    bench.shim.tell("POST", "/v1/note", { note: VALUE }).catch(() => undefined),
  "a source's parameters": (_, ask) => ask({ ":authority": AUTHORITY.source, ":path": `/v1/source/x?q=${VALUE}` }),
  "a prompt to the model": (_, ask) =>
    ask({ ...POST, ":authority": AUTHORITY.model, ":path": "/v1/messages" }, JSON.stringify({ prompt: BASE64 })),
  "a request within a tunnel, in its path": (the) =>
    raw(the, `GET /v1/${VALUE} HTTP/1.1\r\nhost: ${the.place}\r\n\r\n`),
  "a request within a tunnel, in a header": (the) =>
    raw(the, inner(the, `x-note: ${VALUE}\r\ncontent-length: 0\r\n\r\n`)),
  "a request within a tunnel, in its body": (the) =>
    raw(the, inner(the, `content-length: ${VALUE.length}\r\n\r\n${VALUE}`)),
  "a request within a tunnel, over two chunks": (the) =>
    raw(
      the,
      inner(
        the,
        `transfer-encoding: chunked\r\n\r\n10\r\n${FIRST}\r\n${SECOND.length.toString(16)}\r\n${SECOND}\r\n0\r\n\r\n`,
      ),
    ),
  "a request within a tunnel, in a trailer": (the) =>
    raw(
      the,
      inner(the, `transfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n1\r\na\r\n0\r\nx-sum: ${VALUE}\r\n\r\n`),
    ),
  "a stream of HTTP/2 within a tunnel": async (the) => {
    const stream = http2In(await the.tls("h2"), `https://${the.place}`).request({
      ":path": "/v1/7",
      "x-note": VALUE,
    });
    stream.on("error", () => undefined).end();
  },
};

describe("a fake is seen, rings once and stops everything once", () => {
  test.each(Object.entries(WAYS))("in %s", async (_, way) => {
    const { whys, options } = watched();
    await using the = await tunnelBed({}, options);
    await way(the, (headers, body) => {
      // Nobody answers once everything is stopped.
      the.bench.shim.ask({ ":authority": the.place, ":path": "/v1/7", ...headers }, body).catch(() => undefined);
    });
    expect(await cameOf(the.bench, whys, () => JSON.stringify(the.host.seen))).toEqual(ONCE);
  });
});

/** Into the 32 bytes that name a session: behind the heads, the version, as many of chance, and a length. */
const inSession = (value: string, at = 0) => {
  const hello = clientHello({ names: [HOST] });
  hello.write(value, 5 + 4 + 2 + 32 + 1 + at, "latin1");
  return hello;
};
const alpn = (...names: string[]): [number, Buffer] => {
  const list = Buffer.concat(names.flatMap((name) => [Buffer.from([name.length]), Buffer.from(name)]));
  return [16, Buffer.concat([Buffer.from([0, list.length]), list])];
};
const record = (text: string) => Buffer.concat([Buffer.from([23, 3, 3, 0, text.length]), Buffer.from(text)]);
const HELLO = clientHello({ names: [HOST] });

/** What is said in one tunnel or in several, one after the other, in one chunk or in more. */
const SAID: Record<string, readonly (readonly Buffer[])[]> = {
  "the name that it greets": [[clientHello({ names: [`${VALUE}.example`] })]],
  "a name in small letters": [[clientHello({ names: [`${VALUE.toLowerCase()}.example`] })]],
  "two names": [[clientHello({ names: [FIRST, SECOND] })]],
  "two protocols of a greeting": [[clientHello({ names: [HOST], extensions: [alpn(FIRST, SECOND)] })]],
  "an extension of no meaning": [[clientHello({ names: [HOST], extensions: [[0xfafa, Buffer.from(BASE64)]] })]],
  "a greeting in records of sixteen bytes": [
    [inRecords(clientHello({ names: [HOST], extensions: [[0xfafa, Buffer.from(VALUE)]] }).subarray(5), 16)],
  ],
  "the sessions of two tunnels": [[inSession(FIRST, 32 - FIRST.length)], [inSession(SECOND)]],
  "what is no TLS": [[Buffer.from(`SSH-2.0-${VALUE}\r\n`)]],
  "the bytes behind the greeting": [[HELLO, Buffer.from(VALUE)]],
  "the bytes behind it, in base64 and in two chunks": [
    [HELLO, Buffer.from(BASE64.slice(0, 17)), Buffer.from(BASE64.slice(17))],
  ],
  "the bytes behind it, compressed": [[HELLO, gzipSync(`a note: ${VALUE}`)]],
  "two records": [[HELLO, Buffer.concat([record(FIRST), record(SECOND)])]],
  "two records, cut at their heads": [
    [HELLO, ...[record(FIRST), record(SECOND)].flatMap((bytes) => [bytes.subarray(0, 3), bytes.subarray(3)])],
  ],
};

describe.each(["splice", "terminate"] as const)("of a tunnel to %s", (mode) => {
  const greetings = Object.entries(SAID).filter(([, tunnels]) => tunnels.every(({ length }) => length === 1));
  test.each(mode === "splice" ? Object.entries(SAID) : greetings)("it is seen in %s", async (_, tunnels) => {
    const { whys, options } = watched();
    await using host = await listener();
    await using the = await tunnelBed({ ...(mode === "splice" ? { mode } : {}), port: host.port }, options);
    for (const chunks of tunnels) {
      const { stream } = await openTunnel(the.bench, `${HOST}:${host.port}`);
      let answered = 0;
      stream.on("data", (chunk: Buffer) => {
        answered += chunk.length;
      });
      let sent = host.heard().length;
      // Each comes through before the next one is sent, so that it is a chunk of its own; the last one does not.
      for (const chunk of chunks.slice(0, -1)) {
        stream.write(chunk);
        sent += chunk.length;
        await expect.poll(() => host.heard().length, SLOW).toBe(sent);
      }
      stream.write(chunks.at(-1) ?? "");
      if (chunks === tunnels.at(-1)) break;
      // One greeting was looked at before the other: it was passed on, or answered.
      await expect.poll(() => host.heard().length + answered, SLOW).toBeGreaterThan(0);
      stream.close();
      await expect.poll(() => the.bench.log().at(-1)?.["event"], SLOW).toBe("close");
    }
    expect(await cameOf(the.bench, whys, () => host.heard().toString("latin1"))).toEqual(ONCE);
  });
});

/** Takes in whatever comes, and says nothing. */
async function listener() {
  const sockets: Socket[] = [];
  const chunks: Buffer[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined).on("data", (chunk) => chunks.push(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => Buffer.concat(chunks),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const got = ({ host }: WebsocketBed) => Buffer.concat(host.got.map(({ payload }) => payload)).toString();

describe.each(["http/1.1", "h2"] as const)("of a websocket over %s", (alpnName) => {
  test.each([
    ["a message", [VALUE]],
    ["a message in JSON in base64", [Buffer.from(JSON.stringify({ a: VALUE })).toString("base64")]],
    ["two messages", [JSON.stringify({ data: FIRST }), JSON.stringify({ data: SECOND })]],
  ])("it is seen in %s, under its mask", async (_, messages) => {
    const { whys, options } = watched();
    await using the = await websocketBed({}, options);
    const client = await the.open(alpnName);
    for (const message of messages) client.say(OPCODE.text, message);
    expect(await cameOf(the.bench, whys, () => got(the))).toEqual(ONCE);
  });

  test("it is seen over two fragments", async () => {
    const { whys, options } = watched();
    await using the = await websocketBed({}, options);
    const client = await the.open(alpnName);
    client.say(OPCODE.text, FIRST, false);
    client.say(OPCODE.continuation, SECOND);
    expect(await cameOf(the.bench, whys, () => got(the))).toEqual(ONCE);
  });
});

test("what comes down is not searched: a host's answer that holds a fake passes, and nothing is stopped", async () => {
  const { whys, options } = watched();
  await using the = await tunnelBed({}, options, (response) => response.writeHead(200).end(VALUE));
  const reply = await the.bench.shim.ask({ ":authority": the.place, ":path": "/v1/7" });
  expect(reply).toMatchObject({ status: 200, text: VALUE });
  expect(whys).toEqual([]);
});
