/**
 * Requests of HTTP/1.1 as RFC 9112 writes them and in no other way: the second opinion on what a connection says. Where it
 * stops, it stops for good.
 */
export type ReadRequest = {
  method: string;
  target: string;
  /** Undefined unless there is just one. */
  host: string | undefined;
  /** Null when the bytes end before it does, or it is not framed as it should be. */
  body: string | null;
};

export type ReadAll = {
  requests: ReadRequest[];
  /** Where it could not go on; null when nothing is left over. */
  stopped: "malformed" | "unfinished" | null;
};

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** RFC 9112, 3: words may be told apart by more than one space. */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([\x21-\x7e\x80-\xff]+) +HTTP\/1\.[01]$/;

/** @param bytes as latin1. */
export function readHttp1(bytes: string): ReadAll {
  const requests: ReadRequest[] = [];
  let rest = bytes;
  for (;;) {
    // RFC 9112, 2.2: an empty line before a request is passed over, and a line may end with a line feed alone.
    rest = rest.replace(/^[\r\n]+/, "");
    if (rest === "") return { requests, stopped: null };
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return { requests, stopped: "unfinished" };
    const head = headOf(rest.slice(0, end));
    if (head === null) return { requests, stopped: "malformed" };
    const framed = bodyOf(head.fields, rest.slice(end + 4));
    const { method, target } = head;
    const hosts = head.fields.get("host") ?? [];
    const host = hosts.length === 1 ? hosts[0] : undefined;
    if (framed.status === "taken") {
      requests.push({ method, target, host, body: framed.body });
      rest = framed.rest;
      continue;
    }
    if (framed.status !== "unframed") requests.push({ method, target, host, body: null });
    return { requests, stopped: framed.status === "unfinished" ? "unfinished" : "malformed" };
  }
}

type Fields = Map<string, string[]>;

function headOf(text: string): { method: string; target: string; fields: Fields } | null {
  const [first = "", ...lines] = text.split("\r\n");
  const [, method, target] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || target === undefined) return null;
  const fields: Fields = new Map();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    if (colon < 0 || !TOKEN.test(name) || !VALUE.test(value)) return null;
    fields.set(name.toLowerCase(), [...(fields.get(name.toLowerCase()) ?? []), value]);
  }
  return { method, target, fields };
}

type Framed =
  | { status: "taken"; body: string; rest: string }
  | { status: "unfinished" }
  /** `unframed`: nobody can say from the head where it ends. */
  | { status: "malformed" | "unframed" };

function bodyOf(fields: Fields, rest: string): Framed {
  const codings = fields.get("transfer-encoding");
  const lengths = fields.get("content-length");
  if (codings !== undefined) {
    if (lengths !== undefined || codings.length !== 1 || codings[0]?.toLowerCase() !== "chunked")
      return { status: "unframed" };
    return chunksOf(rest);
  }
  if (lengths === undefined) return { status: "taken", body: "", rest };
  const [length = ""] = lengths;
  if (lengths.length !== 1 || !/^\d{1,15}$/.test(length)) return { status: "unframed" };
  const n = Number(length);
  return rest.length < n
    ? { status: "unfinished" }
    : { status: "taken", body: rest.slice(0, n), rest: rest.slice(n) };
}

function chunksOf(all: string): Framed {
  let body = "";
  let rest = all;
  for (;;) {
    const end = rest.indexOf("\r\n");
    const line = end < 0 ? rest : rest.slice(0, end);
    const size = /^([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line)?.[1];
    if (size === undefined) return { status: end < 0 ? "unfinished" : "malformed" };
    if (end < 0) return { status: "unfinished" };
    rest = rest.slice(end + 2);
    const n = Number.parseInt(size, 16);
    if (n === 0) return trailersOf(body, rest);
    if (rest.length < n + 2) {
      const has = rest.slice(n);
      return { status: "\r\n".startsWith(has) ? "unfinished" : "malformed" };
    }
    if (rest.slice(n, n + 2) !== "\r\n") return { status: "malformed" };
    body += rest.slice(0, n);
    rest = rest.slice(n + 2);
  }
}

function trailersOf(body: string, rest: string): Framed {
  if (rest.startsWith("\r\n")) return { status: "taken", body, rest: rest.slice(2) };
  const end = rest.indexOf("\r\n\r\n");
  if (end < 0) return { status: "unfinished" };
  const isRead = rest
    .slice(0, end)
    .split("\r\n")
    .every((line) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/.test(line));
  return isRead ? { status: "taken", body, rest: rest.slice(end + 4) } : { status: "malformed" };
}
