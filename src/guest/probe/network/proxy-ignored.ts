import type { Check } from "../probe.ts";
import { absent } from "../row.ts";
import { proxyOf } from "./proxy.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const proxyIgnored: Check = {
  id: "proxy-ignored",
  category: "network",
  why: "A variable only asks to use a proxy: where there is a way past it, its list holds back nobody who does not read it.",
  misses: "A proxy that is named by a file of a tool and by no variable.",
  source: "sandboxbench proxy_bypass; curl(1), environment",
  async run(context) {
    const isAsked = context.request.network !== undefined;
    if (isAsked && proxyOf(context) === undefined)
      return { rows: [absent("proxy-ignored", "a way past the proxy", "no variable names an HTTP proxy")] };
    return seenBy(context, "proxy-ignored", proxyIgnoredTries);
  },
};

export function proxyIgnoredTries({ outside }: SimulatedInternet): Try[] {
  const subject = "past the proxy that the environment names";
  return [
    { id: "proxy-ignored:address", subject: `an address, ${subject}`, way: "tcp", host: outside, port: 443 },
    { id: "proxy-ignored:name", subject: `a name, ${subject}`, way: "tcp", host: "past.example", port: 443 },
  ];
}
