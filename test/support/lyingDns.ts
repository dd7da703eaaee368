import { createSocket } from "node:dgram";
import { once } from "node:events";

/** A record of an answer: whose it is, of which type, and its data. Null as an owner: the name that was asked for. */
export type DnsRecord = { owner: string | null; type: 1 | 5; data: Buffer };

export type LyingDns = {
  server: string;
  /** Names and types that were asked for. */
  asked: string[];
  [Symbol.asyncDispose](): Promise<void>;
};

export type DnsLie =
  /** Answers with these, for questions of type A; for all others with nothing. */
  | { kind: "records"; records: readonly DnsRecord[] }
  | { kind: "silence" }
  | { kind: "bytes"; bytes: Buffer }
  /** Right, but with the number of another question. */
  | { kind: "other-id"; records: readonly DnsRecord[] }
  /** Right, but the question it repeats is about another name. */
  | { kind: "other-question"; records: readonly DnsRecord[] };

/** A name server on loopback that answers as it is told, however wrong that is (RFC 1035, 4.1). */
export async function lyingDns(lie: DnsLie): Promise<LyingDns> {
  const asked: string[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    let end = 12;
    while ((query[end] ?? 0) > 0) end += 1 + (query[end] ?? 0);
    const type = query.readUInt16BE(end + 1);
    asked.push(`${query.toString("latin1", 13, end).replaceAll(/[^a-z0-9-]/gi, ".")} ${type}`);
    if (lie.kind === "silence") return;
    if (lie.kind === "bytes") return socket.send(lie.bytes, port, address);
    const records = type === 1 ? lie.records : [];
    const head = Buffer.from(query.subarray(0, 12));
    if (lie.kind === "other-id") head[0] = (head[0] ?? 0) ^ 0xff;
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(records.length, 6);
    head.writeUInt32BE(0, 8);
    const rest = query.subarray(end, end + 5);
    const question =
      lie.kind === "other-question"
        ? Buffer.concat([dnsName("other.example").subarray(0, -1), rest])
        : query.subarray(12, end + 5);
    socket.send(Buffer.concat([head, question, ...records.map(recordOf)]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    server: `127.0.0.1:${socket.address().port}`,
    asked,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

export function dnsName(host: string): Buffer {
  const labels = host.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

export function address(of: string, owner: string | null = null): DnsRecord {
  return { owner, type: 1, data: Buffer.from(of.split(".").map(Number)) };
}

export function alias(to: string, owner: string | null = null): DnsRecord {
  return { owner, type: 5, data: dnsName(to) };
}

/** Class IN, TTL 0; the name that was asked for by a pointer to the question. */
function recordOf({ owner, type, data }: DnsRecord): Buffer {
  const name = owner === null ? Buffer.from([0xc0, 0x0c]) : dnsName(owner);
  const head = Buffer.from([0, type, 0, 1, 0, 0, 0, 0, 0, data.length]);
  return Buffer.concat([name, head, data]);
}
