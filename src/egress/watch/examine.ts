import type { IncomingHttpHeaders } from "node:http";
import type { Fake, Recogniser, Sighting } from "../../canaries/canaries.ts";
import { recogniser } from "../../canaries/recogniser.ts";
import { tokensIn } from "../../canaries/tokenFinder.ts";
import { peeled } from "./peel.ts";
import { type Piece, piecesOf } from "./pieces.ts";
import { plainBody } from "./plainBody.ts";
import { HITS_MAX, type Hit, type Looked, type PlacedToken } from "./watch.ts";
import { WINDOW_BYTES } from "./window.ts";

/** One request looked at by itself, and the ends of its values, by which it is held against the requests before it. */
export type Examined = { looked: Looked; ends: End[] };

/** Beginning and end of a value, each at most WINDOW_BYTES; the same when it is short. `slot` names its place. */
export type End = { slot: string; length: number; head: Buffer; tail: Buffer };

export type Finders = {
  whole: Recogniser;
  /** For what was joined by us: only fakes that are too long to stand there by chance. */
  joined: Recogniser;
};

const JOINED_LENGTH_MIN = 12;
/** No encoding reads over it. */
const BETWEEN = Buffer.alloc(4);

export function findersFor(fakes: readonly Fake[], masterKey?: Uint8Array): Finders {
  return {
    whole: recogniser(fakes, masterKey),
    joined: recogniser(
      fakes.filter(({ value }) => value.length >= JOINED_LENGTH_MIN),
      masterKey,
    ),
  };
}

/** Pure, so that it can be done in another thread. */
export function examine(
  finders: Finders,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  tokensAtMs?: number,
): Examined {
  const raw = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const found = new Map<string, Hit>();
  const faults: string[] = [];
  const see = (where: Hit["where"], sightings: readonly Sighting[]): void => {
    for (const sighting of sightings) {
      if (found.size < HITS_MAX && !found.has(sighting.fakeId)) found.set(sighting.fakeId, { where, sighting });
    }
  };
  const search = (finder: Recogniser, where: Hit["where"], bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    const { sightings, isWhole } = finder.inspect(bytes);
    see(where, sightings);
    if (!isWhole) faults.push(`more in the ${where} than can be decoded`);
  };
  const { ":path": path, ...others } = headers;
  search(finders.whole, "path", Buffer.from(String(path ?? "")));
  search(finders.whole, "headers", Buffer.from(headerText(others)));
  const plain = plainBody(headers["content-encoding"] ?? "", raw);
  if (plain.status === "unsearchable") faults.push(plain.why);
  const inner = plain.status === "plain" ? plain.bytes : raw;
  search(finders.whole, "body", inner);
  // What an encoding leaves room for beside its content: a comment, something after its end.
  if (inner !== raw) see("body", finders.whole.search(raw));
  const values = valuesOf(piecesOf(headers, inner));
  const joins = values.filter(({ isJoin }) => isJoin).flatMap(({ bytes }) => [bytes, BETWEEN]);
  search(finders.joined, "parts", Buffer.concat(joins));
  const hits = [...found.values()];
  const tokens = tokensAtMs === undefined ? null : placedTokens(String(path ?? ""), inner, tokensAtMs);
  const [why] = faults;
  return {
    looked: why === undefined ? { status: "searched", hits, tokens } : { status: "unsearchable", why, hits, tokens },
    ends: values.map(({ slot, bytes }) => endOf(slot, bytes)),
  };
}

function placedTokens(target: string, body: Buffer, nowMs: number): PlacedToken[] {
  const [path = "", ...query] = target.split("?");
  const places = { path: Buffer.from(path), query: Buffer.from(query.join("?")), body };
  return (["path", "query", "body"] as const).flatMap((place) =>
    tokensIn(places[place], nowMs).map((token) => ({ ...token, place })),
  );
}

type Value = { slot: string; bytes: Buffer /** Of several pieces of this request. */; isJoin: boolean };
type Row = { plain: Buffer[]; bare: Buffer[]; isEncoded: boolean };

/** Of one request; the pieces in further places stand in the row of their kind alone. */
const SLOTS_MAX = 128;

/** The pieces of one place, and of one kind, one after the other; each row once more without its pieces' encodings, where one has any. */
function valuesOf(pieces: readonly Piece[]): Value[] {
  const slots = new Map<string, Row>();
  const kinds = new Map<string, Row>();
  for (const { slot, bytes } of pieces) {
    const bare = peeled(bytes);
    const [kind = "", place] = slot.split(":", 2);
    put(kinds, kind, bytes, bare);
    const isNamed = place !== "" && (slots.has(slot) || slots.size < SLOTS_MAX);
    if (isNamed) put(slots, slot, bytes, bare);
  }
  return [...slots, ...kinds].flatMap(([slot, { plain, bare, isEncoded }]) => {
    const isJoin = plain.length > 1;
    const value = { slot, bytes: Buffer.concat(plain), isJoin };
    return isEncoded ? [value, { slot: `${slot} decoded`, bytes: Buffer.concat(bare), isJoin }] : [value];
  });
}

function put(rows: Map<string, Row>, name: string, bytes: Buffer, bare: Buffer): void {
  const row = rows.get(name) ?? { plain: [], bare: [], isEncoded: false };
  rows.set(name, row);
  row.plain.push(bytes);
  row.bare.push(bare);
  row.isEncoded ||= bare !== bytes;
}

function endOf(slot: string, bytes: Buffer): End {
  const head = Buffer.from(bytes.subarray(0, WINDOW_BYTES));
  if (bytes.length <= WINDOW_BYTES) return { slot, length: bytes.length, head, tail: head };
  return { slot, length: bytes.length, head, tail: Buffer.from(bytes.subarray(-WINDOW_BYTES)) };
}

function headerText(headers: IncomingHttpHeaders): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(", ") : (value ?? "")}`)
    .join("\n");
}
