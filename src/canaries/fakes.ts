import { createHmac } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { BASE62, blockLength, SERIAL_MAX, sealer, writeNumber } from "./block.ts";
import type { Fake, FakeMaker, FakePlace } from "./canaries.ts";
import { KINDS, kindOf } from "./kinds/all.ts";
import type { Draw, Kind } from "./kinds/kind.ts";

/**
 * Makes the fakes of one cycle. An empty `original` asks for a fake that replaces nothing: it takes the kind's usual
 * shape, one for each kind and place. Throws when a cycle asks for more than a million.
 */
export function fakeMaker(input: { masterKey: Uint8Array; cycle: string; clock: Clock }): FakeMaker {
  const { masterKey, cycle, clock } = input;
  const blocks = sealer(masterKey);
  const startedAt = clock.now();
  const accountNumber = accountOf(masterKey);
  const byOriginal = new Map<string, Fake>();
  const values = new Set<string>();

  const draw = (kind: Kind, serial: number, attempt: number): Draw => {
    const sealed = blocks.seal({ kind: kind.code, cycle, serial }, startedAt);
    const random = stream(masterKey, `${cycle}:${serial}:${attempt}`);
    const block = (alphabet: string) => writeNumber(sealed, alphabet, blockLength(alphabet));
    const chars = (alphabet: string, length: number) => {
      let text = "";
      for (let i = 0; i < length; i++) text += alphabet[below(random, alphabet.length)] ?? "";
      return text;
    };
    const body = (length: number, alphabet = BASE62) =>
      length < blockLength(alphabet)
        ? chars(alphabet, length)
        : block(alphabet) + chars(alphabet, length - blockLength(alphabet));
    return { block, chars, body, below: (n) => below(random, n), accountNumber, now: startedAt };
  };

  const make = (original: string, named: string, place: FakePlace): Fake => {
    const kind = original === "" ? namedKind(named) : kindOf(original, named);
    const shape = original === "" ? kind.shape : original;
    const serial = byOriginal.size;
    if (serial > SERIAL_MAX) throw new Error(`a cycle has at most ${SERIAL_MAX + 1} fakes`);
    const value = untaken(
      shape,
      (attempt) => kind.make(shape, draw(kind, serial, attempt)),
      values,
      draw(kind, serial, -1),
    );
    values.add(value);
    return {
      id: fakeId(masterKey, cycle, serial),
      kind: kind.name === "generic" && original !== "" ? named : kind.name,
      value,
      cycle: place.cycle,
      file: place.file,
    };
  };

  return {
    fakeFor(original, kind, place) {
      const subject = original === "" ? `blank:${kind}:${place.file}` : `value:${original}`;
      const key = createHmac("sha256", masterKey).update(`${cycle}:${subject}`).digest("base64");
      const known = byOriginal.get(key);
      if (known !== undefined) return known;
      const fake = make(original, kind, place);
      byOriginal.set(key, fake);
      return fake;
    },
    all: () => [...byOriginal.values()],
  };
}

/** The same from a fake's maker and from a sealed block, so that a sighting without a registry has the same id. */
export function fakeId(masterKey: Uint8Array, cycle: string, serial: number): string {
  const digest = createHmac("sha256", masterKey).update(`fake-id:${cycle}:${serial}`).digest("hex");
  return `fk-${digest.slice(0, 10)}`;
}

function namedKind(name: string): Kind {
  const kind = KINDS.find((kind) => kind.name === name);
  if (kind === undefined) throw new RangeError(`no kind of credential is called ${name}`);
  return kind;
}

/** Scanners pass over a value with this word in it, and so would a person. */
const GIVEAWAY = /example|canary|decoy|honey|weakdoor/i;

/** Short values leave few to choose from: after some tries the shape gives way, then the length, before two fakes are one. */
function untaken(original: string, make: (attempt: number) => string, taken: Set<string>, last: Draw): string {
  for (let attempt = 0; attempt < 32; attempt++) {
    const value = make(attempt);
    if (value !== original && !taken.has(value) && !GIVEAWAY.test(value)) return value;
  }
  for (let length = original.length; ; length++) {
    const value = last.chars(BASE62, length);
    if (value !== original && !taken.has(value) && !GIVEAWAY.test(value)) return value;
  }
}

/** Twelve digits, none of them leading zeros; the same for the whole installation. */
function accountOf(masterKey: Uint8Array): bigint {
  const digest = createHmac("sha256", masterKey).update("account-number").digest();
  return 100_000_000_000n + (digest.readBigUInt64BE(0) % 900_000_000_000n);
}

/** Bytes that only the key's owner can foresee. */
function* stream(masterKey: Uint8Array, label: string): Generator<number, never> {
  for (let counter = 0; ; counter++)
    yield* createHmac("sha512", masterKey).update(`fill:${label}:${counter}`).digest();
}

function below(random: Generator<number, never>, n: number): number {
  const limit = 2 ** 32 - (2 ** 32 % n);
  for (;;) {
    let word = 0;
    for (let i = 0; i < 4; i++) word = word * 256 + random.next().value;
    if (word < limit) return word % n;
  }
}
