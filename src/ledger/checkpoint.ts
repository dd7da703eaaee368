import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { HASH_BYTES, type TreeHead } from "./tree.ts";

/**
 * A checkpoint: the log's size and root, signed with Ed25519, as C2SP tlog-checkpoint in a C2SP signed note, so that
 * any C2SP tool can check it.
 *
 *     weakdoor/3f9ac01d22b4e871
 *     1042
 *     CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
 *
 *     — weakdoor/3f9ac01d22b4e871 Az3grlgtzPICa5OS…
 */
type Checkpoint = TreeHead & { origin: string };

/** A log's name and public key; the name is also the checkpoint's origin line. */
export type LogKey = { name: string; publicKey: KeyObject };

/** `name+hex key id+base64(0x01 ‖ public key)`: the form of a note's verifier key in the signed-note format. */
export function formatLogKey(key: LogKey): string {
  const typed = Buffer.concat([ED25519, rawPublicKey(key.publicKey)]);
  return `${key.name}+${keyId(key).toString("hex")}+${typed.toString("base64")}`;
}

/** Undefined when the text is no such key, or its id is not that of its name and key. */
export function parseLogKey(text: string): LogKey | undefined {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  if (name === undefined || id === undefined || encoded === undefined) return undefined;
  const typed = strictBase64(encoded);
  if (typed?.length !== 33 || typed[0] !== ED25519[0]) return undefined;
  const key = { name, publicKey: publicKeyOf(typed.subarray(1)) };
  return keyId(key).toString("hex") === id ? key : undefined;
}

export function isLogName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9./_-]{0,99}$/.test(name);
}

/** The signed note. Ed25519 is deterministic: the same head gives the same bytes. */
export function signCheckpoint(head: TreeHead, key: LogKey, privateKey: KeyObject): string {
  const text = `${key.name}\n${head.size}\n${Buffer.from(head.root).toString("base64")}\n`;
  const signature = Buffer.concat([keyId(key), sign(null, Buffer.from(text), privateKey)]);
  return `${text}\n${DASH}${key.name} ${signature.toString("base64")}\n`;
}

export type Opened = { status: "good"; checkpoint: Checkpoint } | { status: "bad"; reason: string };

/**
 * Checks the signature by this key and reads the three lines. Strict: whatever is not exactly the format is bad.
 * Signatures by other keys (witnesses) are let pass unread, as the signed-note format asks; one by our key is needed.
 */
export function openCheckpoint(note: string, key: LogKey): Opened {
  const split = note.lastIndexOf("\n\n");
  if (split < 0) return { status: "bad", reason: "no empty line before the signatures" };
  const text = note.slice(0, split + 1);
  const signatures = readSignatures(note.slice(split + 2));
  if (signatures === undefined) return { status: "bad", reason: "a signature line is malformed" };
  const id = keyId(key);
  const ours = signatures.filter((line) => line.name === key.name && line.bytes.subarray(0, 4).equals(id));
  const [signature] = ours;
  if (signature === undefined) return { status: "bad", reason: `no signature by ${key.name}` };
  if (ours.length > 1) return { status: "bad", reason: `${ours.length} signatures by one key` };
  if (!verify(null, Buffer.from(text), key.publicKey, signature.bytes.subarray(4))) {
    return { status: "bad", reason: `the signature by ${key.name} does not fit the text` };
  }
  const checkpoint = readBody(text);
  if (checkpoint === undefined) return { status: "bad", reason: "the text is not origin, size and root" };
  if (checkpoint.origin !== key.name) return { status: "bad", reason: `the origin is not ${key.name}` };
  return { status: "good", checkpoint };
}

const DASH = "— ";
/** The signature type of Ed25519 in the signed-note format. */
const ED25519 = Uint8Array.of(1);
/** A note with more is refused; the signed-note format asks readers to take at least 16. */
const SIGNATURES_MAX = 32;

function keyId(key: LogKey): Buffer {
  const hash = createHash("sha256").update(`${key.name}\n`).update(ED25519).update(rawPublicKey(key.publicKey));
  return hash.digest().subarray(0, 4);
}

function readSignatures(block: string): { name: string; bytes: Buffer }[] | undefined {
  if (!block.endsWith("\n")) return undefined;
  const lines = block.slice(0, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) return undefined;
  const signatures: { name: string; bytes: Buffer }[] = [];
  for (const line of lines) {
    const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/u.exec(line) ?? [];
    const bytes = encoded === undefined ? undefined : strictBase64(encoded);
    if (name === undefined || bytes === undefined || bytes.length < 5) return undefined;
    signatures.push({ name, bytes });
  }
  return signatures;
}

function readBody(text: string): Checkpoint | undefined {
  const [origin, size, root, end, ...more] = text.split("\n");
  if (origin === undefined || size === undefined || root === undefined || end !== "" || more.length > 0) {
    return undefined;
  }
  const bytes = strictBase64(root);
  if (!isLogName(origin) || !/^(0|[1-9][0-9]{0,14})$/.test(size) || bytes?.length !== HASH_BYTES) return undefined;
  return { origin, size: Number(size), root: bytes };
}

/** Node decodes base64 leniently; here only the one canonical spelling of the bytes passes. */
function strictBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function rawPublicKey(key: KeyObject): Buffer {
  const { x } = key.export({ format: "jwk" });
  if (x === undefined) throw new TypeError("not an Ed25519 public key");
  return Buffer.from(x, "base64url");
}

function publicKeyOf(raw: Uint8Array): KeyObject {
  const x = Buffer.from(raw).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
