import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * Which addresses may be dialed: globally routable unicast and nothing else. Addresses that carry an IPv4 address inside
 * an IPv6 one (mapped, compatible, translated, NAT64, 6to4, Teredo) are denied as classes, also when the address inside
 * is public: what is dialed must be what was looked at.
 */
export type AddressClass =
  | { verdict: "global" }
  | {
      verdict: "denied";
      /** Our name for the class, e.g. `private`, `loopback`, `nat64`. */
      why: string;
    };

/** RFC 4291 and IANA's registry: global unicast is handed out of 2000::/3 alone. */
const GLOBAL_IPV6 = ipaddr.parseCIDR("2000::/3");

/** ipaddr.js's ranges, in words people look up. What it does not call `unicast` is denied, known here or not. */
const WORDS: Readonly<Record<string, string>> = {
  carrierGradeNat: "cgnat",
  linkLocal: "link-local",
  uniqueLocal: "unique-local",
  ipv4Mapped: "ipv4-in-ipv6",
  rfc6145: "ipv4-translated",
  rfc6052: "nat64",
};

/**
 * @param address as a resolver gives it. Number forms, brackets and zones are no address here.
 * @param own this machine's own addresses: a public one would lead back to us.
 */
export function classifyAddress(address: string, own: ReadonlySet<string> = new Set()): AddressClass {
  if (address.includes("%")) return denied("zoned");
  if (isIP(address) === 0) return denied("not-an-address");
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (range !== "unicast") return denied(WORDS[range] ?? range);
  if (parsed.kind() === "ipv6" && !parsed.match(GLOBAL_IPV6)) return denied("not-global-ipv6");
  if (own.has(parsed.toString())) return denied("own-address");
  return { verdict: "global" };
}

function denied(why: string): AddressClass {
  return { verdict: "denied", why };
}
