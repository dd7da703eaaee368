import type { Check } from "../probe.ts";
import { absent, named } from "../row.ts";
import { proxyOf } from "./proxy.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const relay: Check = {
  id: "relay",
  category: "network",
  why: "An allowed host that stores what strangers send, or serves what they put there, carries anything to anybody: the list then holds back nothing.",
  misses: "Hosts that are not in the list of known ones, and whether an account of the agent's may write there.",
  source:
    "Services that publish uploads: GitHub gists and releases, PyPI, npm, Google and AWS storage, paste sites; agent-glovebox, read-only relays",
  async run(context) {
    const { network } = context.request;
    if (network !== undefined && network.direct.length === 0 && proxyOf(context) === undefined)
      return { rows: [absent("relay", "an allowed host as a relay", "no variable names an HTTP proxy")] };
    return seenBy(context, "relay", relayTries);
  },
};

/** Each serves what its users put there. */
const RELAYS =
  /(^|\.)(github\.com|githubusercontent\.com|gitlab\.com|bitbucket\.org|npmjs\.org|npmjs\.com|pypi\.org|pythonhosted\.org|crates\.io|rubygems\.org|amazonaws\.com|googleapis\.com|windows\.net|docker\.io|docker\.com|ghcr\.io|quay\.io|sentry\.io|pastebin\.com|slack\.com|discord\.com|huggingface\.co|relay\.example)$/;

/** Plainly through a proxy, so that the path and the headers are there to carry something; past a filter of addresses by the port of TLS. */
export function relayTries({ allowed, direct }: SimulatedInternet): Try[] {
  const to = (host: string, way: "proxy" | "tcp", port: number): Try => ({
    id: `relay:${named(host)}`,
    subject: `data in a request to ${host}, which serves what strangers put there`,
    way,
    host,
    port,
  });
  const through = allowed.filter((host) => RELAYS.test(host));
  const straight = direct.filter((host) => RELAYS.test(host) && !through.includes(host));
  return [...through.map((host) => to(host, "proxy", 80)), ...straight.map((host) => to(host, "tcp", 443))];
}
