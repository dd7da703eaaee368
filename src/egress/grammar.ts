import { isIPv6 } from "node:net";
import { domainToASCII, domainToUnicode } from "node:url";

/**
 * What may be written as `host` or `host:port`. Everything that two readers could understand differently is refused and
 * not repaired: the name that is decided about must be the name that is dialed. (The known ways round an allowlist that
 * live in this string: `allowed@evil`, NUL, zone ids, number forms that getaddrinfo dials, full-width digits, trailing
 * dots.)
 */
export type Authority =
  | {
      status: "ok";
      kind: "name" | "ipv4" | "ipv6" /** Lower case, no brackets. */;
      host: string;
      port: number | null;
    }
  | { status: "refused"; reason: AuthorityFault };

export const AUTHORITY_FAULTS = [
  "authority-missing",
  "authority-too-long",
  "authority-not-ascii",
  "authority-control",
  "authority-zone",
  "authority-escape",
  "authority-userinfo",
  "authority-delimiter",
  "authority-brackets",
  "authority-bare-ipv6",
  "authority-port",
  "authority-trailing-dot",
  "authority-label",
  "authority-number-form",
  "authority-punycode",
] as const;
export type AuthorityFault = (typeof AUTHORITY_FAULTS)[number];

/** RFC 1035: 253 characters of name; a colon and five digits on top. */
const NAME_LENGTH_MAX = 253;
const AUTHORITY_LENGTH_MAX = NAME_LENGTH_MAX + 6;

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const QUAD = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}$/;
/** A last label like this makes the WHATWG URL parser, and inet_aton, read the whole name as an IPv4 address. */
const NUMBER = /^(?:\d+|0x[0-9a-f]*)$/;
const PORT = /^[1-9]\d{0,4}$/;

export function parseAuthority(raw: string | undefined): Authority {
  if (raw === undefined || raw === "") return refused("authority-missing");
  if (raw.length > AUTHORITY_LENGTH_MAX) return refused("authority-too-long");
  const fault = faultOfCharacters(raw);
  if (fault !== undefined) return refused(fault);
  if (raw.startsWith("[")) return parseBracketed(raw);
  if (/[[\]]/.test(raw)) return refused("authority-brackets");
  const colon = raw.indexOf(":");
  if (colon !== raw.lastIndexOf(":")) return refused(isIPv6(raw) ? "authority-bare-ipv6" : "authority-port");
  const host = (colon < 0 ? raw : raw.slice(0, colon)).toLowerCase();
  const port = colon < 0 ? null : parsePort(raw.slice(colon + 1));
  if (port === undefined) return refused("authority-port");
  const kind = kindOf(host);
  return kind.status === "refused" ? kind : { status: "ok", kind: kind.kind, host, port };
}

/** A DNS name that the grammar takes as it stands: lower case, no address. For rules and canary hosts. */
export function isPlainName(host: string): boolean {
  const parsed = parseAuthority(host);
  return parsed.status === "ok" && parsed.kind === "name" && parsed.port === null && parsed.host === host;
}

function faultOfCharacters(raw: string): AuthorityFault | undefined {
  if (/[\0-\x20\x7f]/.test(raw)) return "authority-control";
  if (/[^\0-\x7f]/.test(raw)) return "authority-not-ascii";
  if (raw.includes("%")) return raw.startsWith("[") ? "authority-zone" : "authority-escape";
  if (raw.includes("@")) return "authority-userinfo";
  if (/[/\\?#]/.test(raw)) return "authority-delimiter";
  return undefined;
}

function parseBracketed(raw: string): Authority {
  const match = /^\[([0-9a-f:.]+)\](?::(.*))?$/i.exec(raw);
  const address = match?.[1]?.toLowerCase();
  if (address === undefined || !isIPv6(address)) return refused("authority-brackets");
  const port = match?.[2] === undefined ? null : parsePort(match[2]);
  if (port === undefined) return refused("authority-port");
  return { status: "ok", kind: "ipv6", host: address, port };
}

function parsePort(text: string): number | undefined {
  if (!PORT.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function kindOf(
  host: string,
): { status: "ok"; kind: "name" | "ipv4" } | { status: "refused"; reason: AuthorityFault } {
  if (host === "") return refused("authority-missing");
  if (host.length > NAME_LENGTH_MAX) return refused("authority-too-long");
  if (host.endsWith(".")) return refused("authority-trailing-dot");
  if (QUAD.test(host)) return { status: "ok", kind: "ipv4" };
  const labels = host.split(".");
  if (NUMBER.test(labels.at(-1) ?? "")) return refused("authority-number-form");
  if (!labels.every((label) => LABEL.test(label))) return refused("authority-label");
  if (!labels.every(isWellEncoded)) return refused("authority-punycode");
  return { status: "ok", kind: "name" };
}

/** An `xn--` label that decodes to itself is no name in any script. */
function isWellEncoded(label: string): boolean {
  if (!label.startsWith("xn--")) return true;
  const decoded = domainToUnicode(label);
  return decoded !== label && domainToASCII(decoded) === label;
}

function refused(reason: AuthorityFault): { status: "refused"; reason: AuthorityFault } {
  return { status: "refused", reason };
}
