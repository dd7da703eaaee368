import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/**
 * The least client of HTTP/2 that can measure a server: requests are bytes that were made before, and of an answer only its
 * status, its length and its end are looked at. A client that takes more time than the server measures itself.
 */
export type H2 = {
  /** Resolves with the status when the answer is whole. */
  request(authority: string, path: string): Promise<number>;
  /** A tunnel, once it is open. */
  connect(authority: string): Promise<Duplex>;
};

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const WINDOW_BYTES = 0x7fffffff;

type Stream = {
  head(status: number): void;
  data(bytes: Buffer): void;
  end(isWhole: boolean): void;
};

export function h2(socket: Socket): H2 {
  const streams = new Map<number, Stream>();
  const heads = new Map<string, Buffer>();
  let nextId = 1;
  let rest: Buffer = Buffer.alloc(0);
  let taken = 0;
  let out: Buffer[] = [];
  const write = (bytes: Buffer) => {
    // All that one turn of the loop says goes out at once, as from any client that is written well.
    if (out.push(bytes) === 1)
      setImmediate(() => {
        socket.write(Buffer.concat(out));
        out = [];
      });
  };
  const onFrame = (type: number, flags: number, id: number, payload: Buffer) => {
    const stream = streams.get(id);
    if (type === SETTINGS && (flags & ACK) === 0) write(frame(SETTINGS, ACK, 0));
    if (type === PING && (flags & ACK) === 0) write(frame(PING, ACK, 0, payload));
    if (type === GOAWAY) throw new Error(`the gateway ended the session with ${payload.readUInt32BE(4)}`);
    if (type === HEADERS) stream?.head(statusOf(payload));
    if (type === DATA) {
      taken += payload.length;
      if (taken > 1 << 20) {
        write(frame(WINDOW_UPDATE, 0, 0, number(taken)));
        taken = 0;
      }
      stream?.data(payload);
    }
    if (type === RST_STREAM || ((type === HEADERS || type === DATA) && (flags & END_STREAM) !== 0)) {
      streams.delete(id);
      stream?.end(type !== RST_STREAM);
    }
  };
  socket.on("error", () => undefined);
  socket.once("close", () => {
    for (const stream of streams.values()) stream.end(false);
  });
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < 9 + length) break;
      const payload = bytes.subarray(at + 9, at + 9 + length);
      onFrame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, bytes.readUInt32BE(at + 5), payload);
      at += 9 + length;
    }
    rest = bytes.subarray(at);
  });
  const settings = Buffer.concat([Buffer.from([0, 4]), number(WINDOW_BYTES), Buffer.from([0, 2]), number(0)]);
  write(
    Buffer.concat([
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      frame(SETTINGS, 0, 0, settings),
      frame(WINDOW_UPDATE, 0, 0, number(WINDOW_BYTES - 65_535)),
    ]),
  );
  const open = (block: Buffer, flags: number, stream: (id: number) => Stream) => {
    const id = nextId;
    nextId += 2;
    streams.set(id, stream(id));
    write(frame(HEADERS, flags, id, block));
  };
  return {
    request(authority, path) {
      const block = heads.get(path) ?? getBlock(authority, path);
      heads.set(path, block);
      return new Promise((resolve, reject) => {
        let status = 0;
        open(block, END_STREAM | END_HEADERS, () => ({
          head: (came) => void (status = came),
          data: () => undefined,
          end: (isWhole) => (isWhole ? resolve(status) : reject(new Error("reset"))),
        }));
      });
    },
    connect: (authority) =>
      new Promise((resolve, reject) => {
        open(connectBlock(authority), END_HEADERS, (id) => {
          const tunnel = new Duplex({
            read: () => undefined,
            write(chunk: Buffer, _, done) {
              write(frame(DATA, 0, id, chunk));
              done();
            },
            final(done) {
              write(frame(DATA, END_STREAM, id));
              done();
            },
            destroy(error, done) {
              if (streams.delete(id) || !tunnel.writableFinished) write(frame(RST_STREAM, 0, id, number(8)));
              done(error);
            },
          });
          // Whoever waits for something on it sees it; a cut is no accident.
          tunnel.on("error", () => undefined);
          return {
            head: (status) => (status === 200 ? resolve(tunnel) : reject(new Error("the tunnel was refused"))),
            data: (bytes) => void (bytes.length > 0 && tunnel.push(bytes)),
            end: (isWhole) => (isWhole ? tunnel.push(null) : tunnel.destroy(new Error("the tunnel was reset"))),
          };
        });
      }),
  };
}

/** RFC 9113, 4.1. */
function frame(type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.allocUnsafe(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(id, 5);
  bytes.set(payload, 9);
  return bytes;
}

/** RFC 7541: `:method: GET`, `:scheme: http` and the rest as literals that no table keeps. */
function getBlock(authority: string, path: string): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0x86]), literal(1, authority), literal(4, path), literal(58, "bench")]);
}

function connectBlock(authority: string): Buffer {
  return Buffer.concat([literal(2, "CONNECT"), literal(1, authority)]);
}

/** Without indexing, its name from the static table. */
function literal(name: number, value: string): Buffer {
  const head = name < 15 ? [name] : [15, name - 15];
  return Buffer.concat([Buffer.from([...head, value.length]), Buffer.from(value)]);
}

/** 200 is 0x88 of the static table; whatever else comes first is no such answer. A new size of the dynamic table may stand before it. */
function statusOf(block: Buffer): number {
  const at = block.findIndex((byte) => (byte & 0xe0) !== 0x20);
  return block[at] === 0x88 ? 200 : 0;
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
