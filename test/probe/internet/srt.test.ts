import { afterAll, beforeAll, expect, test } from "vitest";
import type { Observation } from "../../../src/guest/observation.ts";
import { leavingFrom } from "../../../src/probe/internet/netns.ts";
import { srtDriver } from "../../../src/sandbox/srt/srt.ts";
import { netnsOf } from "../../../src/stop/netns.ts";
import { type Bed, internetBed, type Joined } from "../../support/joined.ts";

/** srt's own proxy, tested as it is: the command has no interface, and the proxies in the room around it have the simulated one. */
let bed: Bed;
let rows: Map<string, Observation>;
let room: Joined;
const allowed = ["allowed.example", "*.relay.example"];

beforeAll(async () => {
  bed = await internetBed();
  const settings = {
    network: { allowedDomains: allowed, deniedDomains: [] },
    filesystem: { denyRead: [], allowWrite: ["/tmp"], denyWrite: [] },
    mandatoryDenySearchDepth: 1,
  };
  const env = { PATH: "/bin:/usr/bin", HOME: "/tmp" };
  room = await bed.open(srtDriver(bed), { settings, env }, { isTool: true, isEngine: false, allowed });
  rows = await room.rows({ HOME: "/tmp" });
});
afterAll(async () => {
  await room.end();
  bed.remove();
});

const read = (id: string) => `${id} ${rows.get(id)?.verdict}`;

test("what the settings allow goes through the proxy, and what they do not is refused by it, beside what went through", () => {
  const through = ["egress-map:allowed:allowed.example", "egress-map:allowed:any.relay.example"];
  expect(through.map(read)).toEqual(through.map((id) => `${id} reachable`));
  const refused = ["unlisted:443", "unlisted:80", "address:443", "gateway:8080", "metadata:80"];
  for (const id of refused)
    expect(rows.get(`egress-map:${id}`)).toMatchObject({
      verdict: "denied",
      control: "control:sink",
      detail: "refused by the proxy, 403; nothing arrived",
    });
});

test("the same list holds for srt's other proxy, which carries any protocol", () => {
  const through = ["egress-map:socks:allowed:allowed.example", "egress-map:socks:allowed:any.relay.example"];
  expect(through.map(read)).toEqual(through.map((id) => `${id} reachable`));
  for (const id of ["unlisted:443", "unlisted:22", "address:443", "metadata:80"])
    expect(rows.get(`egress-map:socks:${id}`), id).toMatchObject({
      verdict: "denied",
      control: "control:sink",
      detail: expect.stringMatching(/^refused by the proxy, \d+; nothing arrived$/),
    });
});

test("an allowed host that serves what strangers put there is a relay, and only that one", () => {
  const relays = [...rows.values()].filter(({ id }) => id.startsWith("relay"));
  expect(relays.map(({ id, verdict }) => `${id} ${verdict}`)).toEqual(["relay:any.relay.example reachable"]);
});

test("past the proxy nothing leaves: there is no way there, for no protocol", () => {
  for (const id of [
    "proxy-ignored:address",
    "outbound-tcp:address:443",
    "outbound-other:ipv6-tcp:443",
    "outbound-other:udp:443",
  ])
    expect(rows.get(id)).toMatchObject({ verdict: "denied", detail: expect.stringContaining("ENETUNREACH") });
  for (const id of ["dns-resolution:own", "dns-channel:out", "metadata-responder:link-local"])
    expect(rows.get(id)?.verdict, id).toBe("denied");
});

test("sockets of the probe's own are nobody's listeners", () => {
  expect([...rows.keys()].filter((id) => id.startsWith("loopback-listener:udp:"))).toEqual([]);
});

test("what leaves, leaves from the room around the command", () => {
  const pid = leavingFrom(room.sandbox.pid, true);
  expect(pid).not.toBe(room.sandbox.pid);
  expect(netnsOf(pid)).not.toBe(netnsOf(room.sandbox.pid));
  expect(leavingFrom(room.sandbox.pid, false)).toBe(room.sandbox.pid);
});
