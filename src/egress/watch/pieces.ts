import type { IncomingHttpHeaders } from "node:http";

/**
 * A value of a request, and its place in it: `query:token`, `header:x-id`, `json:note`, `path:2`. The part before the colon is
 * what values are joined by within one request.
 */
export type Piece = { slot: string; bytes: Buffer };

/** Of one request, more than a body of the usual size holds; what comes after that is not joined to anything. */
const PIECES_MAX = 500_000;
const SLOT_LENGTH_MAX = 80;
const JSON_DEPTH_MAX = 12;

/** Of all headers but the path. */
export function headPieces(headers: IncomingHttpHeaders): Piece[] {
  return gathered((put) => {
    for (const [i, label] of textOf(headers[":authority"]).split(".").entries()) put(`authority:${i}`, label);
    for (const [name, value] of Object.entries(headers)) {
      if (name === ":path" || name === ":authority") continue;
      if (name.startsWith(":")) put(`pseudo:${name}`, textOf(value));
      else if (name === "cookie") putPairs("cookie", textOf(value).split(/;\s*/), put);
      else put(`header:${name}`, textOf(value));
    }
  });
}

/** @param target path and query. */
export function targetPieces(target: string): Piece[] {
  return gathered((put) => {
    const [path = "", ...query] = target.split("?");
    for (const [i, segment] of path.split("/").entries()) put(`path:${i}`, segment);
    putForm("query", query.join("?"), put);
  });
}

/** @param body as `plainBody` gives it. */
export function bodyPieces(contentType: string, body: Buffer): Piece[] {
  return gathered((put) => putBody(contentType, body, put));
}

function gathered(fill: (put: Put) => void): Piece[] {
  const pieces: Piece[] = [];
  fill((slot, value) => {
    if (value.length === 0 || pieces.length >= PIECES_MAX) return;
    pieces.push({
      slot: slot.slice(0, SLOT_LENGTH_MAX),
      bytes: typeof value === "string" ? Buffer.from(value) : value,
    });
  });
  return pieces;
}

type Put = (slot: string, value: string | Buffer) => void;

/** By what it says it is, and else by what it begins like. */
function putBody(contentType: string, body: Buffer, put: Put): void {
  if (body.length === 0) return;
  const boundary = /^multipart\/[^;]+;.*\bboundary="?([^";]{1,200})"?/i.exec(contentType)?.[1];
  if (boundary !== undefined) return putParts(boundary, body, put);
  if (/^application\/x-www-form-urlencoded/i.test(contentType)) return putForm("form", body.toString("latin1"), put);
  const value = startsLikeJson(body) ? jsonOf(body) : undefined;
  if (value === undefined) put("body:", body);
  else putLeaves(value, "", 0, put);
}

function startsLikeJson(body: Buffer): boolean {
  const first = body.find((byte) => byte > 0x20);
  return first === 0x7b || first === 0x5b || first === 0x22;
}

/** The strings of a document, and its keys: a fake may be cut over those, too. */
function putLeaves(value: unknown, key: string, depth: number, put: Put): void {
  if (typeof value === "string") return put(`json:${key}`, value);
  if (typeof value !== "object" || value === null || depth > JSON_DEPTH_MAX) return;
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) put("key:", name);
    putLeaves(inner, Array.isArray(value) ? key : name, depth + 1, put);
  }
}

function putForm(group: string, text: string, put: Put): void {
  putPairs(group, text.replaceAll("+", " ").split("&"), put);
}

function putPairs(group: string, pairs: readonly string[], put: Put): void {
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    put(`${group}:${at < 0 ? "" : pair.slice(0, at)}`, at < 0 ? pair : pair.slice(at + 1));
  }
}

/** RFC 2046, 5.1: each part behind its boundary, head and content apart by an empty line. */
function putParts(boundary: string, body: Buffer, put: Put): void {
  const mark = Buffer.from(`--${boundary}`);
  let at = body.indexOf(mark);
  while (at >= 0) {
    const next = body.indexOf(mark, at + mark.length);
    const part = body.subarray(at + mark.length, next < 0 ? body.length : next);
    const head = part.indexOf("\r\n\r\n");
    const isLineEnded = next >= 0 && part.subarray(-2).equals(LINE_END);
    if (head >= 0) put("part:", part.subarray(head + 4, isLineEnded ? part.length - 2 : part.length));
    at = next;
  }
}

const LINE_END = Buffer.from("\r\n");

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** Of a header that came more than once, all values in one. */
export function textOf(value: string | readonly string[] | undefined): string {
  return typeof value === "string" ? value : (value ?? []).join(", ");
}
