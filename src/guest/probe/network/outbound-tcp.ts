import type { Check } from "../probe.ts";
import { named } from "../row.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const outboundTcp: Check = {
  id: "outbound-tcp",
  category: "network",
  why: "One connection outwards is enough to take everything along that can be read inside.",
  misses:
    "A filter that looks at the content: one plain line is said, no TLS. Ports other than these, and one address for each kind.",
  source: "RFC 1918 and RFC 4193 (private addresses); RFC 5737 (addresses for documentation)",
  run: (context) => seenBy(context, "outbound-tcp", outboundTcpTries),
};

/** Web, remote shell, mail, names over TCP and over TLS, and a port that nobody has a name for. */
const PORTS = [80, 443, 22, 25, 53, 853, 8443];
/** RFC 4193. */
const PRIVATE6 = "fd12:3456:789a::10";
const PRIVATE = ["10.20.30.40", "172.20.30.40", "192.168.30.40"];

export function outboundTcpTries({ outside, direct }: SimulatedInternet): Try[] {
  const raw = PORTS.map((port): Try => {
    const subject = `port ${port} of an address on the internet`;
    return { id: `outbound-tcp:address:${port}`, subject, way: "tcp", host: outside, port };
  });
  const local = PRIVATE.map((host): Try => {
    const range = host.replace(/\.[^.]+\.[^.]+$/, "");
    return { id: `outbound-tcp:private:${range}`, subject: `an address in ${range}`, way: "tcp", host, port: 443 };
  });
  const local6: Try = {
    id: "outbound-tcp:private:fd00",
    subject: "an address in fd00::/8",
    way: "tcp",
    host: PRIVATE6,
    port: 443,
  };
  const name: Try = {
    id: "outbound-tcp:name:443",
    subject: "port 443 of a name on the internet",
    way: "tcp",
    host: "outside.example",
    port: 443,
  };
  const own = direct.map(
    (host): Try => ({
      id: `outbound-tcp:asked:${named(host)}`,
      subject: `port 443 of ${host}, which the sandbox's own filter asked for`,
      way: "tcp",
      host,
      port: 443,
    }),
  );
  return [...raw, name, ...local, local6, ...own];
}
