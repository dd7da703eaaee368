import { duplexPair } from "node:stream";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { http1Server } from "../../../src/egress/tunnel/http1.ts";
import { type ReadRequest, readHttp1 } from "../../support/http1Reader.ts";

const CASES = 4_000;

/** What readers of HTTP/1.1 are known to understand differently, and how it is written right. */
const HEADERS = [
  "content-length: 4",
  "Content-Length: 0",
  "content-length: +4",
  "content-length: 4, 4",
  "content-length: 0x4",
  "content-length : 4",
  "content-length:\u000b4",
  "transfer-encoding: chunked",
  "Transfer-Encoding: Chunked",
  "transfer-encoding: xchunked",
  "transfer-encoding: gzip, chunked",
  "transfer-encoding: chunked, identity",
  "transfer-encoding:\tchunked",
  "transfer-encoding:\u000bchunked",
  "transfer-encoding",
  "host: evil.example",
  "x: 1\r\n folded: 2",
  "x: 1\n host: evil.example",
  "x: 1\rhost: evil.example",
  "x:\0",
  ": x",
  "x y: 1",
  "connection: keep-alive",
  "upgrade: h2c",
  "http2-settings: AAAA",
  "expect: 100-continue",
  "te: trailers",
];
const BODIES = [
  "",
  "abcd",
  "4\r\nabcd\r\n0\r\n\r\n",
  "4;x=1\r\nabcd\r\n0\r\nt: 1\r\n\r\n",
  "4\nabcd\n0\n\n",
  "0004\r\nabcd\r\n0\r\n\r\n",
  "-4\r\nabcd\r\n0\r\n\r\n",
  "4 \r\nabcd\r\n0\r\n\r\n",
  "4\r\nabcdGET /b HTTP/1.1\r\nhost: h\r\n\r\n",
  "5\r\nabcd\r\n0\r\n\r\n",
  "0\r\n\r\n",
  "\r\n",
];
const LINES = [
  "GET /a HTTP/1.1",
  "POST /a HTTP/1.1",
  "POST /a?x=1 HTTP/1.1",
  "GET https://evil.example/ HTTP/1.1",
  "GET  /a HTTP/1.1",
  "GET /a HTTP/1.0",
  "GET /a HTTP/9.9",
  "GET /a",
  "GET\t/a\tHTTP/1.1",
  "get /a HTTP/1.1",
  "OPTIONS * HTTP/1.1",
];

const asked = fc
  .record({
    line: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...LINES.slice(0, 3)) }, fc.constantFrom(...LINES)),
    hosts: fc.constantFrom("host: h\r\n", "host: h\r\n", "host: h\r\n", "", "Host:h\r\nhost: h\r\n"),
    headers: fc.array(fc.constantFrom(...HEADERS), { maxLength: 3 }),
    body: fc.constantFrom(...BODIES),
  })
  .map(
    ({ line, hosts, headers, body }) =>
      `${line}\r\n${hosts}${headers.map((one) => `${one}\r\n`).join("")}\r\n${body}`,
  );
const right = fc
  .record({ chunked: fc.boolean(), body: fc.stringMatching(/^[a-z]{1,20}$/) })
  .map(({ chunked, body }) =>
    chunked
      ? `POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      : `POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
const change = fc.tuple(
  fc.nat({ max: 400 }),
  fc.nat({ max: 2 }),
  fc.constantFrom("", "\r", "\n", "\r\n", " ", "\t", "\0", ":", "0", "\u000b", "\u0085", "\u00a0", "x", ";", ","),
);
const connection = fc
  .tuple(
    fc.array(fc.oneof({ weight: 2, arbitrary: right }, { weight: 3, arbitrary: asked }), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.array(change, { maxLength: 2 }),
  )
  .map(([parts, changes]) =>
    changes.reduce((now, [at, cut, put]) => {
      const place = at % (now.length + 1);
      return now.slice(0, place) + put + now.slice(place + cut);
    }, parts.join("")),
  );

type Handed = ReadRequest & { isFaulty: boolean };

/** What comes up of a connection that says this, request by request; each is answered as it is whole. */
async function handedUp(bytes: string): Promise<Handed[]> {
  const [client, server] = duplexPair();
  const handed: Handed[] = [];
  let events = 0;
  client.on("error", () => undefined).on("data", () => events++);
  server.on("error", () => undefined);
  http1Server().serve(
    server,
    (exchange, headers, { fault, upgrade }) => {
      events++;
      const { ":method": method, ":path": target } = headers as Record<string, string>;
      const isFaulty = fault !== undefined || upgrade !== undefined;
      const one: Handed = { method: method ?? "", target: target ?? "", host: headers.host, body: null, isFaulty };
      handed.push(one);
      let body = "";
      exchange.on("error", () => undefined);
      exchange.on("data", (chunk: Buffer) => {
        events++;
        body += chunk.toString("latin1");
      });
      exchange.once("end", () => {
        events++;
        one.body = body;
        exchange.respond({ ":status": 204 }, { endStream: true });
      });
    },
    () => undefined,
  );
  client.write(Buffer.from(bytes, "latin1"));
  // All of it is in this process: when nothing stirs for some turns of the loop, nothing more will.
  for (let still = 0, last = -1; still < 5; ) {
    await new Promise((resolve) => setImmediate(resolve));
    still = events === last ? still + 1 : 0;
    last = events;
  }
  client.destroy();
  server.destroy();
  return handed;
}

test(`what comes up of a connection without a fault is what a strict reader of RFC 9112 reads there (${CASES} cases)`, async () => {
  let agreed = 0;
  let faulty = 0;
  await fc.assert(
    fc.asyncProperty(connection, async (bytes) => {
      const { requests } = readHttp1(bytes);
      for (const [i, { isFaulty, ...one }] of (await handedUp(bytes)).entries()) {
        if (isFaulty) {
          faulty++;
          return;
        }
        // A body of which not all came up is refused as one that broke off.
        const read = requests[i];
        expect({ ...one, body: one.body ?? read?.body }).toEqual(read);
        agreed++;
      }
    }),
    { numRuns: CASES },
  );
  expect(agreed).toBeGreaterThan(CASES / 8);
  expect(faulty).toBeGreaterThan(CASES / 50);
});
