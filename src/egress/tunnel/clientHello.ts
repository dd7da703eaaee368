import type { TunnelFault } from "../reasons.ts";

/**
 * The first thing that a TLS client says, read before anything is done with it. Only what decides about a tunnel is taken:
 * which server it names, and whether it hides another one. RFC 8446, 4.1.2 and 5.1; RFC 6066, 3 (server_name).
 */
export type ClientHello = {
  serverNames: string[];
  /** Those that it offers (RFC 7301). */
  protocols: string[];
  /** encrypted_client_hello (RFC 9849) or its forerunner: the name that is really meant may be in there. */
  isEncrypted: boolean;
};

export type Peeked =
  | { status: "whole"; hello: ClientHello }
  | { status: "partial" }
  | { status: "refused"; reason: "hello-not-tls" | "hello-malformed" };

/** Record header, and handshake header. */
const RECORD_HEAD = 5;
const MESSAGE_HEAD = 4;
const RECORD_BYTES_MAX = 16_384;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const PROTOCOLS = 16;
const ENCRYPTED = [0xfe0d, 0xffce];

/** @param bytes what came so far, from the first byte on. */
export function readClientHello(bytes: Buffer): Peeked {
  const message: Buffer[] = [];
  let length = 0;
  for (let at = 0; ; ) {
    const head = bytes.subarray(at, at + RECORD_HEAD);
    // Whatever is there of a head must be one: nobody waits for more of what is none.
    if (head.length > 0 && head[0] !== HANDSHAKE) return refused(at === 0 ? "hello-not-tls" : "hello-malformed");
    if (head.length > 1 && head[1] !== 3) return refused("hello-not-tls");
    if (head.length < RECORD_HEAD) return { status: "partial" };
    const size = head.readUInt16BE(3);
    if (size === 0 || size > RECORD_BYTES_MAX) return refused("hello-malformed");
    const fragment = bytes.subarray(at + RECORD_HEAD, at + RECORD_HEAD + size);
    message.push(fragment);
    length += fragment.length;
    const whole = messageOf(Buffer.concat(message, length));
    if (whole !== undefined) return whole;
    if (fragment.length < size) return { status: "partial" };
    at += RECORD_HEAD + size;
  }
}

/** Why no tunnel to `host` begins with this, or undefined. */
export function helloFaultOf(hello: ClientHello, host: string): TunnelFault | undefined {
  // Also where it means nothing (some browsers send one so that the others are not noticed): it cannot be told from one that does.
  if (hello.isEncrypted) return "hello-encrypted";
  if (hello.serverNames.length === 0) return "hello-no-name";
  if (hello.serverNames.length > 1) return "hello-names";
  return hello.serverNames[0]?.toLowerCase() === host ? undefined : "hello-name-differs";
}

function messageOf(message: Buffer): Peeked | undefined {
  if (message.length > 0 && message[0] !== CLIENT_HELLO) return refused("hello-malformed");
  if (message.length < MESSAGE_HEAD) return undefined;
  const size = message.readUIntBE(1, 3);
  if (message.length < MESSAGE_HEAD + size) return undefined;
  try {
    return { status: "whole", hello: helloOf(new Reader(message.subarray(MESSAGE_HEAD, MESSAGE_HEAD + size))) };
  } catch (thrown) {
    if (!(thrown instanceof TooShort)) throw thrown;
    return refused("hello-malformed");
  }
}

function helloOf(reader: Reader): ClientHello {
  const serverNames: string[] = [];
  const protocols: string[] = [];
  let isEncrypted = false;
  // Version and random.
  reader.take(2 + 32);
  reader.vector(1);
  reader.vector(2);
  reader.vector(1);
  const extensions = new Reader(reader.isAtEnd() ? Buffer.alloc(0) : reader.vector(2));
  // What follows the extensions is read by nobody, so nobody may say anything there.
  if (!reader.isAtEnd()) throw new TooShort();
  while (!extensions.isAtEnd()) {
    const type = extensions.number(2);
    const value = extensions.vector(2);
    if (ENCRYPTED.includes(type)) isEncrypted = true;
    if (type === SERVER_NAME) serverNames.push(...namesOf(new Reader(value)));
    if (type === PROTOCOLS) protocols.push(...protocolsOf(new Reader(value)));
  }
  return { serverNames, protocols, isEncrypted };
}

function namesOf(reader: Reader): string[] {
  const list = new Reader(reader.vector(2));
  const names: string[] = [];
  if (!reader.isAtEnd()) throw new TooShort();
  while (!list.isAtEnd()) {
    if (list.number(1) !== HOST_NAME) throw new TooShort();
    names.push(list.vector(2).toString("latin1"));
  }
  return names;
}

function protocolsOf(reader: Reader): string[] {
  const list = new Reader(reader.vector(2));
  const protocols: string[] = [];
  if (!reader.isAtEnd()) throw new TooShort();
  while (!list.isAtEnd()) protocols.push(list.vector(1).toString("latin1"));
  return protocols;
}

/** The lengths in it do not fit one another. */
class TooShort extends Error {}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    if (taken.length < length) throw new TooShort();
    this.#at += length;
    return taken;
  }

  number(bytes: number): number {
    return this.take(bytes).readUIntBE(0, bytes);
  }

  /** @param bytes of its length, which stands before it. */
  vector(bytes: number): Buffer {
    return this.take(this.number(bytes));
  }
}

function refused(reason: "hello-not-tls" | "hello-malformed"): Peeked {
  return { status: "refused", reason };
}
