import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientHello } from "../../support/clientHello.ts";
import { http1In, type OpenTunnel } from "../../support/tunnel.ts";
import { HOST, type TunnelBed, tunnelBed } from "../../support/tunnelBed.ts";

/** Head of a frame of HTTP/2: 3 bytes of length, kind, flags, stream. */
function frame(kind: number, flags: number, stream: number, payload: Buffer, length = payload.length): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const SETTINGS = frame(4, 0, 0, Buffer.alloc(0));
const PING = frame(6, 0, 0, Buffer.alloc(8));
const begun = (...frames: Buffer[]) => [PREFACE, SETTINGS, ...frames, PING];

let the: TunnelBed;
beforeAll(async () => {
  the = await tunnelBed();
});
afterAll(() => the[Symbol.asyncDispose]());

/** What came before stays in the log, and what comes after is served. */
async function isUnharmed(tunnels: number): Promise<void> {
  const ask = http1In(await the.tls("http/1.1"));
  expect(await ask({ path: "/v1/7", headers: { host: the.place } })).toMatchObject({ status: 200, text: "answer" });
  const log = the.bench.log();
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, i) => i));
  expect(log.filter(({ event, method }) => event === "open" && method === "CONNECT").length).toBe(tunnels + 2);
}

const tunnelsSoFar = () =>
  the.bench.log().filter(({ event, method }) => event === "open" && method === "CONNECT").length;
const lastEnd = (flow: unknown) =>
  the.bench.log().find((line) => line["event"] === "close" && line["flow"] === flow)?.["reason"];

/** Opens a tunnel; resolves to its flow. */
async function opened(): Promise<{ tunnel: OpenTunnel; flow: unknown }> {
  const tunnel = await the.open();
  const flow = the.bench.log().findLast(({ event, method }) => event === "open" && method === "CONNECT")?.["flow"];
  return { tunnel, flow };
}

describe("a frame of HTTP/2 that is none ends its tunnel with a reason, and the next one works", () => {
  test.each<[string, Buffer[]]>([
    ["no preface", [Buffer.alloc(60, 0xff)]],
    ["a request of HTTP/1.1", [Buffer.from(`GET /v1/7 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`)]],
    ["half a preface, and something else", [PREFACE.subarray(0, 10), Buffer.alloc(60)]],
    ["no settings first", [PREFACE, PING, PING]],
    ["settings of five bytes", [PREFACE, frame(4, 0, 0, Buffer.alloc(5)), PING]],
    ["settings of a stream", begun(frame(4, 0, 1, Buffer.alloc(0)))],
    ["a frame that is too long", begun(frame(0, 0, 1, Buffer.alloc(20_000)))],
    ["a body before its head", begun(frame(0, 0, 1, Buffer.from("x")))],
    ["a head on stream 0", begun(frame(1, 4, 0, Buffer.from([0x82])))],
    ["a head of an even stream", begun(frame(1, 4, 2, Buffer.from([0x82])))],
    ["a head that does not unpack", begun(frame(1, 5, 1, Buffer.alloc(20, 0xff)))],
    ["a head that goes on with something else", begun(frame(1, 0, 1, Buffer.from([0x82])))],
    ["a window that grows by nothing", begun(frame(8, 0, 0, Buffer.alloc(4)))],
    ["a window that runs over", begun(frame(8, 0, 0, Buffer.from([0x7f, 255, 255, 255])))],
    ["a ping of seven bytes", begun(frame(6, 0, 0, Buffer.alloc(7)))],
    ["a reset of what was never begun", begun(frame(3, 0, 9, Buffer.alloc(4)))],
    ["a push from a client", begun(frame(5, 4, 1, Buffer.alloc(8)))],
    ["60 bytes of no frame", begun(Buffer.alloc(60, 0xff))],
  ])("%s", async (_, parts) => {
    const tunnels = tunnelsSoFar();
    const socket = await the.tls("h2");
    const flow = the.bench.log().findLast(({ event, method }) => event === "open" && method === "CONNECT")?.["flow"];
    const closed = once(socket.resume(), "close");
    for (const part of parts) socket.write(part);
    await closed;
    await expect.poll(() => lastEnd(flow)).toBe("inner-malformed");
    await isUnharmed(tunnels);
  });
});

describe("TLS that is none behind its greeting ends its tunnel with a reason, and the next one works", () => {
  test.each<[string, Buffer]>([
    ["an alert", Buffer.from([21, 3, 3, 0, 2, 2, 0])],
    ["a record of no kind", Buffer.from([99, 3, 3, 0, 4, 1, 2, 3, 4])],
    ["a record that is too long", Buffer.concat([Buffer.from([23, 3, 3, 0xff, 0xff]), Buffer.alloc(70_000)])],
    ["data before the handshake is done", Buffer.from([23, 3, 3, 0, 4, 1, 2, 3, 4])],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ])("%s", async (_, bytes) => {
    const tunnels = tunnelsSoFar();
    const { tunnel, flow } = await opened();
    tunnel.stream.write(clientHello({ names: [HOST] }));
    tunnel.stream.write(bytes);
    await tunnel.text();
    await expect.poll(() => lastEnd(flow)).toBe("tls-failed");
    await isUnharmed(tunnels);
  });
});
