import type { Check } from "../probe.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const dnsResolution: Check = {
  id: "dns-resolution",
  category: "network",
  why: "Who can ask for names can mostly reach them, and asking alone already tells the outside something.",
  misses:
    "A resolver over TLS or HTTPS, which is a connection like any other. Only addresses of version 4 are asked for.",
  source: "sandboxbench dns_tunnel; resolver(3)",
  // The first of those that wait for all attempts; each of these has a limit of its own, and after it all of them are there.
  bounds: { rows: 20, timeoutMs: 8_000 },
  run: (context) => seenBy(context, "dns-resolution", dnsResolutionTries),
};

export function dnsResolutionTries({ foreignResolver, foreignResolver6 }: SimulatedInternet): Try[] {
  const check = "dns-resolution";
  return [
    { id: `${check}:own`, subject: "a name, by the resolver it was given", way: "name", host: "name", port: 53 },
    {
      id: `${check}:foreign`,
      subject: "a name, by any other resolver",
      way: "resolver",
      host: foreignResolver,
      port: 53,
    },
    {
      id: `${check}:foreign-ipv6`,
      subject: "a name, by any other resolver over IPv6",
      way: "resolver",
      host: foreignResolver6,
      port: 53,
    },
  ];
}
