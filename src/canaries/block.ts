import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";

/**
 * What a fake carries inside, encrypted: one AES-128 block. Without the key it is random bits; with it, a sighting
 * tells kind, cycle and which fake of it, without a database. The 32 zero bits make a chance hit one in 2^36
 * windows tried (zeros and version together).
 *
 *     version 4 | kind 8 | run 36 | serial 20 | minute 28 | zeros 32
 */
export type Block = {
  /** `code` of the kind, 0 to 255. */
  kind: number;
  cycle: string;
  /** How many fakes of this cycle were made before. */
  serial: number;
};

export const SERIAL_MAX = 2 ** 20 - 1;

export const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
export const LETTERS = BASE62.slice(10);
export const HEX = "0123456789abcdef";

/** Characters that hold 128 bits: 22 of base62, 23 letters, 32 of hex. */
export function blockLength(alphabet: string): number {
  return Math.ceil(128 / Math.log2(alphabet.length));
}

export type Sealer = {
  seal(block: Block, startedAt: Date): bigint;
  /** Those of the numbers that are a block of this key: BLOCK_BYTES each, one behind the other. */
  openAll(sealed: Buffer): { index: number; block: Block }[];
};

const VERSION = 1n;

export function sealer(masterKey: Uint8Array): Sealer {
  const key = createHmac("sha256", masterKey).update("fake-block").digest().subarray(0, 16);
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  const decipher = createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  return {
    seal(block, startedAt) {
      const { run, minute } = runOf(masterKey, block.cycle, startedAt);
      const plain =
        (VERSION << 124n) |
        (BigInt(block.kind) << 116n) |
        (run << 80n) |
        (BigInt(block.serial) << 60n) |
        (BigInt(minute) << 32n);
      return toBigInt(cipher.update(toBytes(plain)));
    },
    openAll(sealed) {
      const opened = decipher.update(sealed);
      const found: { index: number; block: Block }[] = [];
      for (let at = 0; at < opened.length; at += BLOCK_BYTES) {
        // Looked at as bytes: nearly none is one.
        if ((opened[at] ?? 0) >> 4 !== Number(VERSION) || opened.readUInt32BE(at + 12) !== 0) continue;
        found.push({ index: at / BLOCK_BYTES, block: blockOf(toBigInt(opened.subarray(at, at + BLOCK_BYTES))) });
      }
      return found;
    },
  };
}

export const BLOCK_BYTES = 16;

function blockOf(plain: bigint): Block {
  return {
    kind: Number((plain >> 116n) & 0xffn),
    cycle: cycleOf((plain >> 80n) & 0xfffffffffn, Number((plain >> 32n) & 0xfffffffn)),
    serial: Number((plain >> 60n) & 0xfffffn),
  };
}

/** Most significant digit first, padded with the alphabet's first character. */
export function writeNumber(value: bigint, alphabet: string, length: number): string {
  const base = BigInt(alphabet.length);
  let text = "";
  for (let rest = value; text.length < length; rest /= base) text = (alphabet[Number(rest % base)] ?? "") + text;
  return text;
}

/** For reading what `writeNumber` wrote, without a big number: those are slow. */
export type Digits = { base: number; length: number; valueOf: Uint8Array };

export function digitsOf(alphabet: string): Digits {
  const valueOf = new Uint8Array(256).fill(NO_DIGIT);
  for (const [value, digit] of Buffer.from(alphabet).entries()) valueOf[digit] = value;
  return { base: alphabet.length, length: blockLength(alphabet), valueOf };
}

export const NO_DIGIT = 255;
const LIMBS = BLOCK_BYTES / 4;

/** Reads the block that begins at `at` into four words, the highest first. False when a character is no digit, or there are more than 128 bits. */
export function readBlock(text: Uint8Array, at: number, { base, length, valueOf }: Digits, to: Uint32Array): boolean {
  to.fill(0);
  for (let i = at; i < at + length; i++) {
    let carry = valueOf[text[i] ?? 0] ?? NO_DIGIT;
    if (carry === NO_DIGIT) return false;
    for (let limb = LIMBS - 1; limb >= 0; limb--) {
      const product = (to[limb] ?? 0) * base + carry;
      to[limb] = product;
      carry = Math.floor(product / 2 ** 32);
    }
    if (carry > 0) return false;
  }
  return true;
}

const CYCLE_ID = /^c(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-([0-9a-f]{6})$/;
const IS_HASHED = 1n << 35n;

/** A cycle id of ours fits whole into minute, second and its 24 random bits; any other id goes in as a keyed hash. */
function runOf(masterKey: Uint8Array, cycle: string, startedAt: Date): { run: bigint; minute: number } {
  const match = CYCLE_ID.exec(cycle);
  if (match) {
    const [, year, month, day, hour, minute, second, random] = match;
    const at = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
    if (at >= 0)
      return { run: (BigInt(second ?? 0) << 24n) | BigInt(`0x${random}`), minute: Math.floor(at / 60_000) };
  }
  const hash = createHmac("sha256", masterKey).update(`run:${cycle}`).digest().readUIntBE(0, 5);
  return { run: IS_HASHED | (BigInt(hash) & (IS_HASHED - 1n)), minute: Math.floor(startedAt.getTime() / 60_000) };
}

function cycleOf(run: bigint, minute: number): string {
  if ((run & IS_HASHED) !== 0n) return `run-${(run & (IS_HASHED - 1n)).toString(16)}`;
  const stamp = new Date(minute * 60_000).toISOString().slice(0, 16).replaceAll(/[-:]/g, "").replace("T", "-");
  const second = String(run >> 24n).padStart(2, "0");
  return `c${stamp}${second}-${(run & 0xffffffn).toString(16).padStart(6, "0")}`;
}

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(32, "0"), "hex");
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}
