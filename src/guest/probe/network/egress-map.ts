import type { Check } from "../probe.ts";
import { absent, named } from "../row.ts";
import { proxyOf } from "./proxy.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const egressMap: Check = {
  id: "egress-map",
  category: "network",
  why: "What a proxy really lets through is the agent's world; a refusal, a destination that fails and a name that is not found look alike to a client.",
  misses:
    "Rules by path, method or size. Where the proxy is another container, it is not here, and nothing can be said of its rules.",
  source:
    "RFC 9110, 15.5.4 and 15.6.3 (403 of a proxy, 502 of a destination); agent-glovebox, checks that passed without testing",
  async run(context) {
    const isAsked = context.request.network !== undefined;
    if (isAsked && proxyOf(context) === undefined)
      return { rows: [absent("egress-map", "what a proxy lets through", "no variable names an HTTP proxy")] };
    return seenBy(context, "egress-map", egressMapTries);
  },
};

/** Names that nobody allowed, an address, and those that somebody did. */
export function egressMapTries({ allowed, outside, gateway }: SimulatedInternet): Try[] {
  const through = (id: string, subject: string, host: string, port: number): Try => ({
    id: `egress-map:${id}`,
    subject: `${subject}, through the proxy`,
    way: "proxy",
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
  ];
}
