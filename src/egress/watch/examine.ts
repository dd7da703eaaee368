import type { IncomingHttpHeaders } from "node:http";
import type { Fake, Recogniser, Sighting } from "../../canaries/canaries.ts";
import { recogniser } from "../../canaries/recogniser.ts";
import { shapeOf } from "../../canaries/shape.ts";
import { tokensIn } from "../../canaries/tokenFinder.ts";
import { type KeptParts, keptParts } from "./keptParts.ts";
import { bodyPieces, headPieces, type Piece, targetPieces, textOf } from "./pieces.ts";
import { plainBody } from "./plainBody.ts";
import { type End, endOf, valuesOf } from "./values.ts";
import { HITS_MAX, type Hit, type Looked, type PlacedToken } from "./watch.ts";

/** One request looked at by itself, and the ends of its values, by which it is held against the requests before it. */
export type Examined = { looked: Looked; ends: Ends[] };

/** Of one part of a request; the same object when the part is the same. */
export type Ends = readonly End[];

export type Finders = {
  whole: Recogniser;
  /** For what was joined by us: only fakes that are too long to stand there by chance. */
  joined: Recogniser;
  /** What was searched for these fakes before, and is clean. */
  kept: KeptParts;
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
    kept: keptParts(),
  };
}

/** What was found in one part of a request: in it as it is, and in its values joined. */
export type Part = {
  where: "path" | "headers" | "body";
  whole: readonly Sighting[];
  joined: readonly Sighting[];
  faults: readonly string[];
  ends: Ends;
  /** Could there be a credential of others in it at all? */
  isPlain: boolean;
};

/**
 * Pure but for what it remembers, so that it can be done in another thread.
 * @param spareBytes what may be decoded of each part over what its length allows; as much as a recogniser has by itself when
 * left out. More makes it unsearchable.
 */
export function examine(
  finders: Finders,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  tokensAtMs?: number,
  spareBytes?: number,
): Examined {
  const { ":path": path, ...others } = headers;
  const target = textOf(path);
  const head = headerText(others);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const inTarget = finders.kept.part("path", target, () =>
    searched(finders, "path", Buffer.from(target), targetPieces(target), spareBytes),
  );
  const searchHead = () => searched(finders, "headers", Buffer.from(head), headPieces(headers), spareBytes);
  // No value of a request holds a line end, so that its text says where each ends; what a greeting of TLS holds is anybody's choice.
  const isRequest = headers[":method"] !== undefined;
  const inHead = isRequest ? finders.kept.part("headers", head, searchHead) : searchHead();
  const parts = [inTarget, inHead];
  let plain = text;
  if (text.length > 0) {
    const searchedBody = bodyPart(finders, headers, text, spareBytes);
    plain = searchedBody.plain;
    parts.push(searchedBody.part);
  }
  const hits = hitsOf(parts);
  const tokens =
    tokensAtMs === undefined
      ? null
      : [
          ...(inTarget.isPlain ? [] : tokensInTarget(target, tokensAtMs)),
          ...(plain.length === 0 ? [] : placed("body", plain, tokensAtMs)),
        ];
  const why = parts.find(({ faults }) => faults.length > 0)?.faults[0];
  return {
    looked: why === undefined ? { status: "searched", hits, tokens } : { status: "unsearchable", why, hits, tokens },
    ends: parts.map(({ ends }) => ends),
  };
}

function bodyPart(
  finders: Finders,
  headers: IncomingHttpHeaders,
  raw: Buffer,
  spareBytes: number | undefined,
): { part: Part; plain: Buffer } {
  const read = plainBody(headers["content-encoding"] ?? "", raw);
  const plain = read.status === "plain" ? read.bytes : raw;
  const part = searched(finders, "body", plain, bodyPieces(textOf(headers["content-type"]), plain), spareBytes);
  // What an encoding leaves room for beside its content: a comment, something after its end.
  const beside = plain === raw ? [] : finders.whole.search(raw);
  const faults = read.status === "unsearchable" ? [read.why, ...part.faults] : part.faults;
  return { part: { ...part, whole: [...part.whole, ...beside], faults }, plain };
}

function searched(
  finders: Finders,
  where: Part["where"],
  bytes: Buffer,
  pieces: readonly Piece[],
  spareBytes?: number,
): Part {
  const shape = shapeOf(bytes);
  const values = valuesOf(pieces);
  const whole = finders.whole.inspect(bytes, spareBytes);
  const joins = values.filter(({ isJoin }) => isJoin).flatMap(({ bytes }) => [bytes, BETWEEN]);
  const joined = finders.joined.inspect(Buffer.concat(joins), spareBytes);
  const faults = [
    ...(whole.isWhole ? [] : [`more in the ${where} than can be decoded`]),
    ...(joined.isWhole ? [] : ["more in the parts than can be decoded"]),
  ];
  return {
    where,
    whole: whole.sightings,
    joined: joined.sightings,
    faults,
    ends: values.map(({ slot, bytes }) => endOf(slot, bytes)),
    isPlain: shape.base64.length === 0 && !shape.hasEscapes,
  };
}

/** Each fake once, where it was seen first: a joined value tells less than the part that it stands in. */
function hitsOf(parts: readonly Part[]): Hit[] {
  const found = new Map<string, Hit>();
  const see = (where: Hit["where"], sightings: readonly Sighting[]) => {
    for (const sighting of sightings) {
      if (found.size < HITS_MAX && !found.has(sighting.fakeId)) found.set(sighting.fakeId, { where, sighting });
    }
  };
  for (const { where, whole } of parts) see(where, whole);
  for (const { joined } of parts) see("parts", joined);
  return [...found.values()];
}

function tokensInTarget(target: string, nowMs: number): PlacedToken[] {
  const [path = "", ...query] = target.split("?");
  return [...placed("path", Buffer.from(path), nowMs), ...placed("query", Buffer.from(query.join("?")), nowMs)];
}

function placed(place: PlacedToken["place"], bytes: Buffer, nowMs: number): PlacedToken[] {
  return tokensIn(bytes, nowMs).map((token) => ({ ...token, place }));
}

function headerText(headers: IncomingHttpHeaders): string {
  let text = "";
  for (const name in headers) text += `${name}: ${textOf(headers[name])}\n`;
  return text;
}
