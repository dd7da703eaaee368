/**
 * Who lives where. No documentation range counts as globally routable, so that the outside's addresses are ones that do;
 * they exist only within the namespace of the test, where all of them lead to it.
 */
export const API = "api.example";
export const SPLICED = "splice.example";
/** The one host whose rule lets a request become a WebSocket. */
export const SOCKETS = "sockets.example";
/** Asked for by one door each, because what is counted there is used up. */
export const RATED = { proxy: "rated-a.example", channel: "rated-b.example" } as const;
export const EVIL = "evil.example";

export const ADDRESS = { own: "45.0.0.1", api: "45.0.0.10", evil: "45.0.0.66" } as const;
/** What nobody outside may see from there. */
const LOOPBACK = "127.0.0.1";
const METADATA = "169.254.169.254";

/** A port of the allowed host that no rule names. */
export const OTHER_PORT = 2222;
/** In the network namespace of the world and not of a sandbox. */
export const ABSTRACT = "\0weakdoor-bypass";

/** Hosts that a rule allows although their names lead to where nobody may go. The rules are right, the names lie. */
export const LYING: Readonly<Record<string, readonly string[]>> = {
  "to-loopback.example": [LOOPBACK],
  "to-metadata.example": [METADATA],
  "to-private.example": ["10.0.0.5"],
  "to-cgnat.example": ["100.64.0.5"],
  "to-mapped.example": ["0:0:0:0:0:ffff:7f00:1"],
  "to-compatible.example": ["0:0:0:0:0:0:7f00:1"],
  "to-nat64.example": ["64:ff9b:0:0:0:0:7f00:1"],
  "to-nat64-global.example": ["64:ff9b:0:0:0:0:2d00:42"],
  "to-6to4.example": ["2002:7f00:1:0:0:0:0:1"],
  "to-self.example": [ADDRESS.own],
};

export const REBOUND = "rebind.example";
export const MIXED = "mixed.example";

/** Of the host that the rules are about, at whichever of its names. */
export const ALLOWED_HOSTS = [API, SOCKETS, ...Object.values(RATED), REBOUND, MIXED, ...Object.keys(LYING)];

export function addressesOf(name: string, nth: number): readonly string[] | null {
  if ([API, SPLICED, SOCKETS, ...Object.values<string>(RATED)].includes(name)) return [ADDRESS.api];
  // Whoever asks again gets another answer.
  if (name === REBOUND) return [nth % 2 === 0 ? ADDRESS.api : LOOPBACK];
  if (name === MIXED) return [LOOPBACK, METADATA, ADDRESS.api];
  if (name === EVIL || name.endsWith(`.${EVIL}`) || name.endsWith(`.${API}`)) return [ADDRESS.evil];
  if (name === "localhost") return [LOOPBACK];
  return LYING[name] ?? null;
}

/** Routes of the namespace: these are local, without being addresses of an interface. */
export const ROUTED = [
  "45.0.0.0/24",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "64:ff9b::/96",
  "2002::/16",
] as const;
