/**
 * What may be asked of a host: the path and query of a request, and the templates of a rule that it is held against.
 * Like `grammar.ts`, this refuses what a server behind could read differently, and repairs nothing: dot segments,
 * escaped slashes and dots, a second layer of escapes, path parameters (`/a/..;/b`).
 */
export type Target =
  | { status: "ok"; path: string; segments: readonly string[]; query: string; queryKeys: readonly string[] }
  | { status: "refused"; reason: PathFault };

export const PATH_FAULTS = [
  "path-missing",
  "path-too-long",
  "path-character",
  "path-backslash",
  "path-fragment",
  "path-parameter",
  "path-bad-escape",
  "path-control-escape",
  "path-slash-escape",
  "path-dot-escape",
  "path-double-escape",
  "path-dot-segment",
  "path-empty-segment",
  "query-key",
] as const;
export type PathFault = (typeof PATH_FAULTS)[number];

const TARGET_LENGTH_MAX = 4_096;

export function parseTarget(raw: string | undefined): Target {
  if (raw === undefined || !raw.startsWith("/")) return refused("path-missing");
  if (raw.length > TARGET_LENGTH_MAX) return refused("path-too-long");
  if (!/^[\x21-\x7e]+$/.test(raw)) return refused("path-character");
  if (raw.includes("\\")) return refused("path-backslash");
  if (raw.includes("#")) return refused("path-fragment");
  const mark = raw.indexOf("?");
  const path = mark < 0 ? raw : raw.slice(0, mark);
  const query = mark < 0 ? "" : raw.slice(mark + 1);
  const fault = faultOfEscapes(raw) ?? faultOfPath(path);
  if (fault !== undefined) return refused(fault);
  const queryKeys = query === "" ? [] : query.split("&").map((pair) => pair.split("=", 1)[0] ?? "");
  if (!queryKeys.every((key) => /^[A-Za-z0-9_.[\]-]{1,64}$/.test(key))) return refused("query-key");
  return { status: "ok", path, segments: path.slice(1).split("/"), query, queryKeys };
}

function faultOfEscapes(raw: string): PathFault | undefined {
  if (/%(?![0-9a-f]{2})/i.test(raw)) return "path-bad-escape";
  if (/%(?:[01][0-9a-f]|7f)/i.test(raw)) return "path-control-escape";
  return undefined;
}

function faultOfPath(path: string): PathFault | undefined {
  if (/%(?:2f|5c)/i.test(path)) return "path-slash-escape";
  if (/%2e/i.test(path)) return "path-dot-escape";
  if (/%25/i.test(path)) return "path-double-escape";
  if (path.includes(";") || /%3b/i.test(path)) return "path-parameter";
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(path)) return "path-dot-segment";
  if (path.includes("//")) return "path-empty-segment";
  return undefined;
}

function refused(reason: PathFault): Target {
  return { status: "refused", reason };
}

/** `/literal/{one segment}/…`, with an optional `/**` at the end for one segment or more. */
export function isPathTemplate(template: string): boolean {
  if (!template.startsWith("/") || template.length > 512) return false;
  const segments = template.slice(1).split("/");
  return segments.every((segment, i) => {
    const isLast = i === segments.length - 1;
    if (segment === "") return isLast;
    if (segment === "**") return isLast;
    return (
      /^\{[a-z][A-Za-z0-9]*\}$/.test(segment) || (/^[A-Za-z0-9._~-]+$/.test(segment) && !/^\.{1,2}$/.test(segment))
    );
  });
}

export function matchesTemplate(segments: readonly string[], template: string): boolean {
  const wanted = template.slice(1).split("/");
  const isOpen = wanted.at(-1) === "**";
  const head = isOpen ? wanted.slice(0, -1) : wanted;
  if (isOpen ? segments.length <= head.length : segments.length !== head.length) return false;
  const isHeadMatched = head.every((want, i) => (want.startsWith("{") ? segments[i] !== "" : segments[i] === want));
  return isHeadMatched && (!isOpen || segments[head.length] !== "");
}
