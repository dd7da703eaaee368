import type { Duplex } from "node:stream";

/** Frames of HTTP/2 made by hand, with fields that no client would send (RFC 9113, 4.1; RFC 7541, 6.2.2). */
export type Field = readonly [name: string, value: string];

const HEADERS = 1;
const DATA = 0;
const SETTINGS = 4;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;

/** Speaks first, and asks one thing on stream 1. Resolves when the other end is done with it, or with the connection. */
export function sayHttp2(socket: Duplex, fields: readonly Field[], body: string | null): Promise<void> {
  const block = Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
  const data = body === null ? [] : [frame(DATA, END_STREAM, 1, Buffer.from(body, "latin1"))];
  const flags = END_HEADERS | (body === null ? END_STREAM : 0);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(Buffer.concat([frame(SETTINGS, 0, 0, Buffer.alloc(0)), frame(HEADERS, flags, 1, block), ...data]));
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    socket.on("error", () => resolve()).once("close", () => resolve());
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const [kind, flags, stream] = [bytes[3], bytes[4] ?? 0, bytes.readUInt32BE(5)];
        bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3));
        if (kind === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
        const isOver = kind === 3 || ((kind === DATA || kind === HEADERS) && (flags & END_STREAM) !== 0);
        if (kind === 7 || (stream === 1 && isOver)) resolve();
      }
    });
  });
}

function frame(kind: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** As it stands, without Huffman's code; at most 126 + 127 bytes. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length = bytes.length < 127 ? [bytes.length] : [127, bytes.length - 127];
  return Buffer.concat([Buffer.from(length), bytes]);
}
