import { expect, test } from "vitest";
import type { Observation } from "../../../src/guest/observation.ts";
import { tokenOf } from "../../../src/guest/probe/network/try.ts";
import { networkFor } from "../../../src/probe/internet/addresses.ts";
import { type Evidence, judge, SINK_CONTROL, unjudged } from "../../../src/probe/internet/judge.ts";
import type { Arrival } from "../../../src/probe/internet/messages.ts";
import { reportOf, observed as row } from "../../support/observed.ts";

const NETWORK = networkFor({ nonce: "00ff", allowed: [] });
const TRY = "outbound-tcp:address:443";

const arrival = (id: string, of: Partial<Arrival> = {}): Arrival => ({
  token: tokenOf(NETWORK.nonce, id),
  protocol: "tcp",
  host: NETWORK.outside,
  port: 443,
  name: "",
  ...of,
});

function judged(one: Observation, evidence: Partial<Evidence["after"]>, more: Partial<Evidence> = {}): Observation {
  const nothing = { arrivals: [], connected: {}, echoes: { ipv4: 0, ipv6: 0 }, names: {}, isFull: false };
  const report = judge(reportOf(one), {
    network: NETWORK,
    before: nothing,
    after: { ...nothing, ...evidence },
    control: { isHeld: true, evidence: "it was reached" },
    ...more,
  });
  return report.observations.find(({ id }) => id === one.id) as Observation;
}

test.each<[string, Observation["verdict"], Partial<Evidence["after"]>, Observation["verdict"]]>([
  ["arrived and answered", "reachable", { arrivals: [arrival(TRY)] }, "reachable"],
  ["arrived, and the answer was held back", "denied", { arrivals: [arrival(TRY)] }, "reachable"],
  ["arrived, and something else answered", "not-measured", { arrivals: [arrival(TRY)] }, "reachable"],
  ["said to be reached, and nothing arrived", "reachable", {}, "contradictory"],
  ["said to be a decoy, and nothing arrived", "decoy-reached", {}, "contradictory"],
  ["refused, and nothing arrived", "denied", {}, "denied"],
  ["not asked", "not-measured", {}, "not-measured"],
  ["not declared", "absent", { arrivals: [arrival(TRY)] }, "absent"],
  ["another's nonce", "denied", { arrivals: [arrival("data-flow:raw")] }, "denied"],
  [
    "by another protocol than was tried",
    "reachable",
    { arrivals: [arrival(TRY, { protocol: "udp" })] },
    "contradictory",
  ],
  [
    "a connection without what was said in it",
    "denied",
    { connected: { [`${NETWORK.outside} 443`]: 1 } },
    "not-measured",
  ],
  ["more than the sink keeps", "reachable", { isFull: true }, "not-measured"],
  ["more than the sink keeps, and refused", "denied", { isFull: true }, "not-measured"],
])("%s: inside %s reads as it should", (_what, inside, evidence, expected) => {
  expect(judged(row(TRY, inside), evidence).verdict).toBe(expected);
});

test("a denial takes the sink for its control, and counts only when something did arrive", () => {
  expect(judged(row(TRY, "denied"), {})).toMatchObject({ verdict: "denied", control: SINK_CONTROL });
  const control = { isHeld: false, evidence: "nothing arrived" };
  const unproved = judged(row(TRY, "denied"), {}, { control });
  expect(unproved).toMatchObject({ verdict: "not-measured" });
  expect(unproved).not.toHaveProperty("control");
  const beside = judged(row(TRY, "denied"), { arrivals: [arrival("data-flow:raw")] }, { control });
  expect(beside.verdict).toBe("denied");
});

test("what arrived before the measurement is none of it", () => {
  const connected = { [`${NETWORK.outside} 443`]: 1 };
  const before = { connected, echoes: { ipv4: 3, ipv6: 0 } };
  expect(judged(row(TRY, "denied"), { connected }, { before }).verdict).toBe("denied");
  const ping = row("outbound-other:ping", "denied");
  expect(judged(ping, { echoes: { ipv4: 3, ipv6: 9 } }, { before }).verdict).toBe("denied");
  expect(judged(ping, { echoes: { ipv4: 4, ipv6: 0 } }, { before }).verdict).toBe("reachable");
  const old = { ...arrival(TRY), token: tokenOf("another nonce", TRY) };
  expect(judged(row(TRY, "reachable"), { arrivals: [old] }).verdict).toBe("contradictory");
});

test("where the sink stands in the place of another thing, what arrived is a decoy's", () => {
  const id = "metadata-responder:link-local";
  const came = arrival(id, { host: "169.254.169.254", port: 80 });
  expect(judged(row(id, "reachable"), { arrivals: [came] }).verdict).toBe("decoy-reached");
});

test("rows that nothing was sent for stay as they are", () => {
  const other = row("network-interface:eth0", "reachable");
  expect(judged(other, {})).toEqual(other);
});

test("when nobody knows what arrived, no row that hangs on it says anything", () => {
  const rows = [
    row(TRY, "reachable"),
    row("dns-channel:out", "denied"),
    row("relay", "absent"),
    row("own:x", "reachable"),
  ];
  const { observations } = unjudged(reportOf(...rows), NETWORK, "the sink has ended");
  expect(observations.map(({ verdict }) => verdict)).toEqual(["not-measured", "not-measured", "absent", "reachable"]);
  expect(observations[0]?.detail).toContain("the sink has ended");
  expect(observations[1]).not.toHaveProperty("control");
});
