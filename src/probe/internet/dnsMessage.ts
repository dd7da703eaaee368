/** One question of a DNS message (RFC 1035, 4.1). Undefined for anything else: the sink then stays silent. */
export type Question = { name: string; type: number; end: number };

const HEADER_BYTES = 12;
const A = 1;
const TXT = 16;
const AAAA = 28;

export function questionOf(message: Buffer): Question | undefined {
  if (message.length < HEADER_BYTES + 5 || message.readUInt16BE(4) !== 1 || (message.readUInt8(2) & 0x80) !== 0)
    return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    // A compressed name has no place in a question, and a label is 63 bytes at most.
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    if (at + length > message.length || labels.length > 127) return undefined;
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  return { name: labels.join(".").toLowerCase().slice(0, 255), type: message.readUInt16BE(at), end: at + 4 };
}

/** Every name is there and leads to the sink, by an address of version 4; `text` is the answer to a question for text. */
export type Answer = { address: string; text: string };

export function answerTo(message: Buffer, { type, end }: Question, answer: Answer): Buffer {
  const data = dataOf(type, answer);
  const header = Buffer.alloc(HEADER_BYTES);
  message.copy(header, 0, 0, 2);
  // An answer, with authority; recursion is available when it was wanted.
  header.writeUInt16BE(0x8480 | ((message.readUInt8(2) & 1) << 8), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data === undefined ? 0 : 1, 6);
  const question = message.subarray(HEADER_BYTES, end);
  if (data === undefined) return Buffer.concat([header, question]);
  const record = Buffer.alloc(12);
  // The name again, by a pointer to the question.
  record.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  record.writeUInt16BE(type, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(0, 6);
  record.writeUInt16BE(data.length, 10);
  return Buffer.concat([header, question, record, data]);
}

function dataOf(type: number, { address, text }: Answer): Buffer | undefined {
  switch (type) {
    case A:
      return Buffer.from(address.split(".").map(Number));
    case AAAA:
      // None: whoever wants to try IPv6 does so by address.
      return undefined;
    case TXT: {
      const said = Buffer.from(text, "latin1").subarray(0, 255);
      return Buffer.concat([Buffer.from([said.length]), said]);
    }
    default:
      return undefined;
  }
}
