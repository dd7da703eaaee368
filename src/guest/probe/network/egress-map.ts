import type { Check } from "../probe.ts";
import { absent, named } from "../row.ts";
import { proxyOf, socksProxyOf } from "./proxy.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const egressMap: Check = {
  id: "egress-map",
  category: "network",
  why: "What a proxy really lets through is the agent's world; a refusal, a destination that fails and a name that is not found look alike to a client.",
  misses:
    "Rules by path, method or size. Where the proxy is another container, it is not here, and nothing can be said of its rules.",
  source:
    "RFC 9110, 15.5.4 and 15.6.3 (403 of a proxy, 502 of a destination); RFC 1928, 6 (replies of SOCKS); agent-glovebox, checks that passed without testing",
  async run(context) {
    const ways = new Set<Try["way"]>();
    if (proxyOf(context) !== undefined) ways.add("proxy");
    if (socksProxyOf(context) !== undefined) ways.add("socks");
    if (context.request.network !== undefined && ways.size === 0)
      return {
        rows: [absent("egress-map", "what a proxy lets through", "no variable names a proxy of HTTP or SOCKS")],
      };
    return seenBy(context, "egress-map", (internet) => egressMapTries(internet).filter(({ way }) => ways.has(way)));
  },
};

/** Names that nobody allowed, an address, and those that somebody did; by SOCKS also a port that is none of the web's. */
export function egressMapTries({ allowed, outside, gateway }: SimulatedInternet): Try[] {
  const through = (id: string, subject: string, host: string, port: number): Try => ({
    id: `egress-map:${id}`,
    subject: `${subject}, through the proxy`,
    way: "proxy",
    host,
    port,
  });
  const bySocks = (id: string, subject: string, host: string, port: number): Try => ({
    id: `egress-map:socks:${id}`,
    subject: `${subject}, through the SOCKS proxy`,
    way: "socks",
    host,
    port,
  });
  return [
    through("unlisted:443", "a name that no list holds", "unlisted.example", 443),
    through("unlisted:80", "a name that no list holds, unencrypted", "unlisted.example", 80),
    through("address:443", "an address", outside, 443),
    through("gateway:8080", "the machine itself", gateway, 8080),
    through("metadata:80", "a metadata service", "169.254.169.254", 80),
    ...allowed.map((host) => through(`allowed:${named(host)}`, `${host}, which is allowed`, host, 443)),
    bySocks("unlisted:443", "a name that no list holds", "unlisted.example", 443),
    bySocks("unlisted:22", "a remote shell of a name that no list holds", "unlisted.example", 22),
    bySocks("address:443", "an address", outside, 443),
    bySocks("metadata:80", "a metadata service", "169.254.169.254", 80),
    ...allowed.map((host) => bySocks(`allowed:${named(host)}`, `${host}, which is allowed`, host, 443)),
  ];
}
