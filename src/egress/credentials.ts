import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { kindOf } from "../canaries/kinds/all.ts";
import type { PlacedToken } from "./watch/watch.ts";

/**
 * A credential that a request to an allowed host carries up from inside. Ours are put in by the gateway, and fakes are told
 * before this is asked, so whatever is found here is somebody else's: with it a sandbox could speak to a host that is
 * allowed in the name of an account that is not (an upload to an attacker's own account at a good host).
 */
export type ForeignCredential = {
  /** `header authorization`, `query key`, `path`, `body`: a name, cut short. */
  place: string;
  /** Of a known form, or `unknown`; `ours` when it is what the gateway itself puts in, and so has got inside. */
  kind: string;
  /** In characters. */
  length: number;
  /** Keyed, so that the same one is known again and nobody can try values against it. */
  hash: string;
};

/** Not `proxy-authorization`: that is for a proxy, and goes no further than to us. */
const NAMED =
  /^(?:authorization|cookie|(?:[a-z0-9-]+-)?(?:api-?key|(?:access|auth|private|job|security|session|refresh|id)-?token|secret(?:-?key)?|password|credentials?))$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9-]{0,30} +/;
/** Forms that much else has, too: by them alone nothing is a credential. */
const LOOSE: ReadonlySet<string> = new Set(["generic", "hex", "uuid", "aws-secret-access-key", "service-token"]);
const VALUE_CHARS_MAX = 16_384;

export type Known = {
  /** What the gateway puts in. */
  ours: ReadonlySet<string>;
  hashKey: Uint8Array;
};

/** What is known of a request that a rule lets in. */
export type Carried = {
  headers: IncomingHttpHeaders;
  query: string;
  body: Buffer;
  /** As the watch found them; null when it did not look. */
  tokens: readonly PlacedToken[] | null;
};

/**
 * The first one there is. Seen are headers by their name, headers and query values by a known form, and in path, query and body what
 * stands out in any text (`canaries/tokens.ts`); what is not seen is one of an unknown form under a name that says nothing.
 */
export function foreignCredential(carried: Carried, known: Known): ForeignCredential | undefined {
  for (const { place, isNamed, value } of [...headerValues(carried.headers), ...queryValues(carried.query)]) {
    const bare = value.replace(SCHEME, "").trim().slice(0, VALUE_CHARS_MAX);
    if (bare === "") continue;
    const kind = known.ours.has(bare) ? "ours" : formOf(bare);
    if (!isNamed && kind === "unknown") continue;
    return told(place, kind, bare, known);
  }
  const target = carried.headers[":path"] ?? "";
  for (const ours of known.ours) {
    if (ours.length < OURS_CHARS_MIN) continue;
    if (target.includes(ours)) return told("path", "ours", ours, known);
    if (carried.body.includes(ours)) return told("body", "ours", ours, known);
  }
  const [token] = carried.tokens ?? [];
  return token === undefined ? undefined : told(token.place, token.kind, token.value, known);
}

/** What is shorter may stand somewhere by chance. */
const OURS_CHARS_MIN = 8;

function told(place: string, kind: string, value: string, { hashKey }: Known): ForeignCredential {
  const hash = createHmac("sha256", hashKey).update(value).digest("hex").slice(0, 16);
  return { place, kind, length: value.length, hash };
}

type Placed = { place: string; isNamed: boolean; value: string };

function headerValues(headers: IncomingHttpHeaders): Placed[] {
  return Object.entries(headers)
    .filter(([name]) => !name.startsWith(":") && name !== "proxy-authorization")
    .map(([name, value]) => ({
      place: `header ${name.slice(0, 60)}`,
      isNamed: NAMED.test(name),
      value: Array.isArray(value) ? value.join(", ") : (value ?? ""),
    }));
}

/** A rule must name a query key before it may be there, so the name alone accuses nobody. */
function queryValues(query: string): Placed[] {
  return [...new URLSearchParams(query)].map(([name, value]) => ({
    place: `query ${name.slice(0, 60)}`,
    isNamed: false,
    value,
  }));
}

function formOf(value: string): string {
  const { name } = kindOf(value, "");
  return LOOSE.has(name) ? "unknown" : name;
}
