import { isPath, isReference } from "./reference.ts";
import type { FakeOf, Secret } from "./strip.ts";

/** A part of a value that holds a credential. */
export type Part = { start: number; end: number; secrets: readonly Secret[]; render(fake: FakeOf): string };

const PEM = /-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?)-----[^]{0,12000}?-----END \1-----/g;
const SCHEME = /^(Bearer|Token|Basic|Negotiate|ApiKey|Bot|AWS4-HMAC-SHA256)[ \t]+/i;

/** The credentials in a value. `kind` is given when its field is a credential's: then what remains whole is one. */
export function breakDown(value: string, kind: string | undefined, isSure = false): Part[] {
  const lead = /^[ \t\r\n]*/.exec(value)?.[0].length ?? 0;
  const bare = trimmedEnd(value).slice(lead);
  if (bare === "") return [];
  const shift = (parts: Part[], by: number) =>
    parts.map((part) => ({ ...part, start: part.start + by, end: part.end + by }));
  const keys = pemParts(value);
  if (keys.length > 0) return keys;
  const url = urlParts(bare);
  if (url.length > 0) return shift(url, lead);
  if (kind === undefined) return [];
  const scheme = SCHEME.exec(bare)?.[0] ?? "";
  const rest = bare.slice(scheme.length);
  if (!isSure && (isReference(rest) || isPath(rest) || /^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(rest))) return [];
  const at = lead + scheme.length;
  const encoded = encodedParts(rest, kind);
  if (encoded !== undefined) return shift(encoded, at);
  if (kind === "cookie" && /^[^=;\s]+=/.test(rest)) return shift(cookieParts(rest), at);
  return [plain(at, rest, kind)];
}

/** Without white space at its end; a UTF-8 character may end in a byte that is a space of its own in Unicode, so only ASCII's. */
export function trimmedEnd(text: string): string {
  let end = text.length;
  while (end > 0 && " \t\r\n".includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

export function plain(start: number, value: string, kind: string): Part {
  const secret = { value, kind };
  return { start, end: start + value.length, secrets: [secret], render: (fake) => fake(secret) };
}

/** A key may stand in a text with its line ends escaped or indented; its fake takes the same. */
export function pemParts(text: string): Part[] {
  return [...text.matchAll(PEM)].flatMap((match) => {
    const separator = /-----((?:\\*\r?\\*[nr]|\r?\n)+[ \t]*)/.exec(match[0])?.[1];
    if (separator === undefined) return [];
    const secret = { value: match[0].replaceAll(/(?:\\+r)?\\+n[ \t]*|\r?\n[ \t]*/g, "\n"), kind: "private-key" };
    if (!/\n[A-Za-z0-9+/=]{16}/.test(secret.value)) return [];
    const render = (fake: FakeOf) =>
      fake(secret)
        .trimEnd()
        .replaceAll("\n", () => separator);
    return [{ start: match.index, end: match.index + match[0].length, secrets: [secret], render }];
  });
}

const USERINFO =
  /(\b[a-z][a-z0-9+.-]{0,20}:\/\/)([^\s/@:"'`<>\\]{0,300})(?::([^\s/@"'`<>\\]{0,1000}))?@(?=[A-Za-z0-9[$_-])/gi;
const QUERY =
  /[?&](access_token|token|api_?key|key|secret|password|sig|signature|auth|x-amz-signature|x-amz-security-token|code|client_secret)=([^&\s"'`<>#\\]{4,})/gi;

/** Passwords in userinfo, tokens that stand alone there, and query values that are named as credentials. */
export function urlParts(text: string): Part[] {
  const parts: Part[] = [];
  for (const match of text.matchAll(USERINFO)) {
    const [, scheme = "", user = "", password] = match;
    const userAt = match.index + scheme.length;
    if (password !== undefined && password !== "" && !isReference(password)) {
      if (user.length >= 20 && /^(x-oauth-basic|x)?$/i.test(password)) parts.push(escaped(userAt, user, "token"));
      else parts.push(escaped(userAt + user.length + 1, password, "password"));
    } else if (!password && /^(?=.*[0-9])[\w~%.-]{16,}$/.test(user)) parts.push(escaped(userAt, user, "token"));
  }
  for (const match of text.matchAll(QUERY)) {
    const [whole, , value = ""] = match;
    if (!isReference(value) && !value.startsWith("$"))
      parts.push(escaped(match.index + whole.length - value.length, value, "token"));
  }
  return parts.sort((a, b) => a.start - b.start);
}

/** A value that is percent-encoded where it stands: the credential is what it means. */
function escaped(start: number, raw: string, kind: string): Part {
  const value = raw.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  if (value === raw) return plain(start, raw, kind);
  const secret = { value, kind };
  const write = (text: string) =>
    text.replaceAll(/[^A-Za-z0-9_.~-]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`);
  return { start, end: start + raw.length, secrets: [secret], render: (fake) => write(fake(secret)) };
}

/** Base64 of `user:password` or of a PEM file; undefined when it is neither. The encoded text keeps its padding. */
function encodedParts(text: string, kind: string): Part[] | undefined {
  if (!/^[A-Za-z0-9+/]{4,}={0,2}$/.test(text)) return undefined;
  const decoded = Buffer.from(text, "base64").toString("latin1");
  const inner = pemParts(decoded);
  const pair = /^([\x21-\x39\x3b-\x7e]{1,64}):([\x20-\x7e]+)$/.exec(decoded);
  if (inner.length === 0 && pair === null) return undefined;
  const [, user = "", password = ""] = pair ?? [];
  const parts =
    inner.length > 0 ? inner : [plain(user.length + 1, password, kind === "npm-token" ? kind : "password")];
  const render = (fake: FakeOf) => {
    let result = "";
    let done = 0;
    for (const part of parts) {
      result += decoded.slice(done, part.start) + part.render(fake);
      done = part.end;
    }
    return Buffer.from(result + decoded.slice(done), "latin1").toString("base64");
  };
  return [{ start: 0, end: text.length, secrets: parts.flatMap((part) => part.secrets), render }];
}

/** `name=value; name=value`: attributes and short values stay. */
export function cookieParts(text: string): Part[] {
  return [...text.matchAll(/([^=;\s]{1,100})=([^;\s]{6,})/g)].flatMap(([whole, name = "", value = ""], i, all) =>
    /^(path|domain|expires|max-age|samesite)$/i.test(name)
      ? []
      : [plain((all[i]?.index ?? 0) + whole.length - value.length, value, "cookie")],
  );
}
