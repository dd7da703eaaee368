import { visit } from "jsonc-parser";
import { jsonEscaped } from "../../../canaries/written.ts";
import { credentialField, isCredentialName, kindOfName } from "../fields.ts";
import { type Finder, type Spot, spotsOf } from "../strip.ts";

/** JSON and JSON with comments; what is broken is read as far as it goes. */
export const json: Finder = (text, file) => {
  const spots: Spot[] = [];
  let before: { path: string; value: string } | undefined;
  visit(
    text,
    {
      onLiteralValue(_value, offset, length, _line, _character, pathOf) {
        const path = pathOf().map(String);
        const raw = text.slice(offset, offset + length);
        const place = `/${path.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
        const scalar = raw.startsWith('"') ? stringAt(text, offset, length) : undefined;
        if (scalar === undefined) return;
        const isArgument = /^\d+$/.test(path.at(-1) ?? "") && before?.path === path.slice(0, -1).join("/");
        const flag = isArgument && /^--?[A-Za-z][\w-]*$/.test(before?.value ?? "") ? before?.value : undefined;
        before = { path: path.slice(0, -1).join("/"), value: scalar.value };
        const field = credentialField(file, path) ?? flagField(flag) ?? headerField(path);
        spots.push(...spotsOf(text, scalar, field?.kind, hidden(place), field?.isSure));
      },
    },
    { allowTrailingComma: true },
  );
  return spots;
};

/** `"--token", "…"`: an argument after a flag with a credential's name. */
function flagField(flag: string | undefined): { kind: string; isSure: boolean } | undefined {
  return flag !== undefined && isCredentialName(flag) ? { kind: kindOfName(flag), isSure: false } : undefined;
}

/** In `headers` only those that are known to say nothing are left alone. */
export function headerField(path: readonly string[]): { kind: string; isSure: boolean } | undefined {
  if (!/^(http_?)?headers$/i.test(path.at(-2) ?? "")) return undefined;
  if (
    /^(accept|content-type|user-agent|accept-.*|cache-control|host|origin|referer|connection|x-.*version)$/i.test(
      path.at(-1) ?? "",
    )
  )
    return undefined;
  return { kind: "token", isSure: false };
}

/** A key may itself be a credential, as in lists of approved API keys. */
function hidden(place: string): string {
  return place.replaceAll(/[A-Za-z0-9_-]{24,}/g, "…").slice(0, 300);
}

function stringAt(text: string, offset: number, length: number) {
  const raw = text.slice(offset + 1, offset + length - 1);
  const value = decoded(raw);
  return value === undefined
    ? undefined
    : { start: offset + 1, end: offset + length - 1, value, encode: jsonEscaped };
}

function decoded(raw: string): string | undefined {
  if (!raw.includes("\\")) return raw;
  try {
    const utf8 = Buffer.from(raw, "latin1").toString("utf8");
    return Buffer.from(String(JSON.parse(`"${utf8}"`)), "utf8").toString("latin1");
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** A JSON value on each line, as transcripts are written. */
export const jsonLines: Finder = (text, file) => {
  const spots: Spot[] = [];
  let start = 0;
  for (let line = 1; start < text.length; line++) {
    const end = text.indexOf("\n", start) < 0 ? text.length : text.indexOf("\n", start);
    const from = start;
    for (const spot of json(text.slice(from, end), file)) {
      spots.push({ ...spot, start: spot.start + from, end: spot.end + from, place: `line ${line} ${spot.place}` });
    }
    start = end + 1;
  }
  return spots;
};
