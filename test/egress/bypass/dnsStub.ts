import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv4 } from "node:net";

/** A name server for one namespace: it answers from a table, notes every question, and lets nothing be kept (TTL 0). */
export type DnsStub = { close(): Promise<void> };

/** Addresses of both families for a name; `nth` counts the questions of this type, from 0. Null: no such name. */
export type Table = (name: string, nth: number) => readonly string[] | null;

const TYPE = { A: 1, PTR: 12, AAAA: 28 } as const;
const NO_SUCH_NAME = 3;

export async function startDnsStub(table: Table, pointsTo: string, asked: (name: string) => void): Promise<DnsStub> {
  const counts = new Map<string, number>();
  const answer = (socket: Socket) => (query: Buffer, from: { port: number; address: string }) => {
    const question = readQuestion(query);
    asked(question.name);
    const key = `${question.type} ${question.name}`;
    const nth = counts.get(key) ?? 0;
    counts.set(key, nth + 1);
    socket.send(answerTo(query, question, table(question.name, nth), pointsTo), from.port, from.address);
  };
  const socket = createSocket("udp4");
  socket.on("message", answer(socket));
  socket.bind(53, "127.0.0.1");
  await once(socket, "listening");
  return { close: () => new Promise((resolve) => socket.close(() => resolve())) };
}

type Question = { name: string; type: number; end: number };

/** RFC 1035, 4.1.2. A question is never compressed. */
function readQuestion(query: Buffer): Question {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answerTo(query: Buffer, { type, end }: Question, known: readonly string[] | null, pointsTo: string): Buffer {
  const data =
    type === TYPE.PTR
      ? [nameOf(pointsTo)]
      : (known ?? []).filter((one) => isIPv4(one) === (type === TYPE.A)).map(bytesOf);
  const isAsked = type === TYPE.A || type === TYPE.AAAA || type === TYPE.PTR;
  const records = isAsked ? data : [];
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(0x8580 | (known === null && type !== TYPE.PTR ? NO_SUCH_NAME : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, query.subarray(12, end), ...records.map((bytes) => recordOf(type, bytes))]);
}

/** The name by a pointer to the question, class IN, TTL 0. */
function recordOf(type: number, bytes: Buffer): Buffer {
  const head = Buffer.from([0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes.length]);
  return Buffer.concat([head, bytes]);
}

function nameOf(host: string): Buffer {
  const labels = host.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** IPv6 addresses stand in the table written out: eight groups. */
function bytesOf(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  return Buffer.concat(
    address.split(":").map((group) => {
      const bytes = Buffer.alloc(2);
      bytes.writeUInt16BE(Number.parseInt(group, 16));
      return bytes;
    }),
  );
}
