import type { IncomingHttpHeaders } from "node:http";

/**
 * What in the greeting of TLS a client chooses freely, as if each were a header of a request: then it is joined within one
 * greeting and over those of a sandbox as the values of requests are. RFC 8446, 4.1.2. What cannot be read to its end is given as
 * far as it goes: the bytes are searched besides.
 */
export function greetingHeaders(bytes: Buffer): IncomingHttpHeaders {
  const fields = reader(fragments(bytes));
  // Type, length and version.
  fields.take(1 + 3 + 2);
  const headers: IncomingHttpHeaders = { "tls-random": fields.take(32).toString("latin1") };
  headers["tls-session"] = fields.vector(1).toString("latin1");
  fields.vector(2);
  fields.vector(1);
  const extensions = reader(fields.vector(2));
  while (!extensions.isAtEnd()) {
    const type = extensions.take(2);
    const content = extensions.vector(2);
    const name = `tls-extension-${type.toString("hex")}`;
    headers[name] = namesIn(type.length === 2 ? type.readUInt16BE() : -1, content).toString("latin1");
  }
  return headers;
}

/** Handshake records without their heads; of anything else nothing. */
function fragments(bytes: Buffer): Buffer {
  const found: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === HANDSHAKE; at += 5 + bytes.readUInt16BE(at + 3)) {
    found.push(bytes.subarray(at + 5, at + 5 + bytes.readUInt16BE(at + 3)));
  }
  return Buffer.concat(found);
}

const HANDSHAKE = 22;
const SERVER_NAMES = 0;
const PROTOCOLS = 16;

/** Names of servers and of protocols without what stands before each: a fake may be cut over several. */
function namesIn(type: number, content: Buffer): Buffer {
  if (type !== SERVER_NAMES && type !== PROTOCOLS) return content;
  const list = reader(reader(content).vector(2));
  const names: Buffer[] = [];
  while (!list.isAtEnd()) {
    if (type === SERVER_NAMES) list.take(1);
    names.push(list.vector(type === SERVER_NAMES ? 2 : 1));
  }
  return Buffer.concat(names);
}

/** Gives what is there when less is there than is asked for. */
function reader(bytes: Buffer) {
  let at = 0;
  const take = (length: number) => {
    const taken = bytes.subarray(at, at + length);
    at = Math.min(bytes.length, at + length);
    return taken;
  };
  return {
    take,
    vector(lengthBytes: number) {
      const length = take(lengthBytes);
      return take(length.length === lengthBytes ? length.readUIntBE(0, lengthBytes) : 0);
    },
    isAtEnd: () => at >= bytes.length,
  };
}
