import type { Observation, ProbeReport } from "../../guest/observation.ts";
import { everyTry } from "../../guest/probe/network/everyTry.ts";
import { type SimulatedInternet, type Try, tokenOf } from "../../guest/probe/network/try.ts";
import type { Arrival, Told } from "./messages.ts";

/** What stood at the sink before the measurement, and after; `control` of the way there. */
export type Evidence = {
  network: SimulatedInternet;
  before: Pick<Told, "echoes" | "connected">;
  after: Omit<Told, "type" | "id">;
  control: { isHeld: boolean; evidence: string };
};

/** Row of the positive control of every denial here. */
export const SINK_CONTROL = "control:sink";

/**
 * Pure. The inside says what it tried and what it heard; what it reached is decided by what arrived at the sink.
 *
 * | arrived | inside says  | reads                                                            |
 * | ------- | ------------ | ---------------------------------------------------------------- |
 * | yes     | anything     | reachable, or decoy-reached where the sink stands for another    |
 * | no      | reached      | contradictory                                                    |
 * | no      | refused      | denied, where something else did arrive; else not-measured        |
 * | no      | not measured | not-measured                                                     |
 */
export function judge(report: ProbeReport, evidence: Evidence): ProbeReport {
  const { network, after, control } = evidence;
  const tries = new Map(everyTry(network).map((one) => [one.id, one]));
  const came = arrivalsById(tries.values(), evidence);
  const isControlled = control.isHeld || came.size > 0;
  const observations = report.observations.map((row) => {
    const one = tries.get(row.id);
    if (one === undefined || row.verdict === "absent") return row;
    return judged(row, {
      one,
      came: came.get(row.id),
      isControlled,
      isFull: after.isFull,
      isTaken: isTaken(one, evidence),
    });
  });
  return { ...report, observations: [...observations, controlRow(report, isControlled, control.evidence)] };
}

type Judged = {
  one: Try;
  came: string | undefined;
  isControlled: boolean;
  isFull: boolean;
  /** A connection to the very place was taken in which nothing of ours was said. */
  isTaken: boolean;
};

function judged(row: Observation, { one, came, isControlled, isFull, isTaken }: Judged): Observation {
  const { control: _, ...rest } = row;
  if (came !== undefined) {
    const verdict = one.isStandIn === true ? "decoy-reached" : "reachable";
    const silent = row.verdict === "reachable" ? "" : `; inside: ${row.detail}`;
    return { ...rest, verdict, access: ["connect"], detail: `${came}${silent}`.slice(0, 600) };
  }
  switch (row.verdict) {
    case "reachable":
    case "decoy-reached":
      if (isFull) return notMeasured(rest, "more arrived at our sink than it keeps");
      return {
        ...rest,
        verdict: "contradictory",
        access: [],
        detail: `inside: ${row.detail}; outside: nothing of it arrived at our sink`,
      };
    case "denied":
      if (isFull) return notMeasured(rest, "more arrived at our sink than it keeps");
      if (isTaken)
        return notMeasured(rest, `${row.detail}; but a connection arrived, and what was said in it did not`);
      if (!isControlled) return notMeasured(rest, `${row.detail}; but nothing at all arrived at our sink`);
      return {
        ...rest,
        verdict: "denied",
        access: [],
        control: SINK_CONTROL,
        detail: `${row.detail}; nothing arrived`,
      };
    case "absent":
    case "contradictory":
    case "not-measured":
      return row;
  }
}

function notMeasured(rest: Omit<Observation, "control">, detail: string): Observation {
  return { ...rest, verdict: "not-measured", access: [], detail: detail.slice(0, 600) };
}

/** By the id of a try, how it arrived, in words that are the same in every run. */
function arrivalsById(tries: Iterable<Try>, { network, before, after }: Evidence): Map<string, string> {
  const byToken = new Map(after.arrivals.map((arrival) => [arrival.token, arrival]));
  const found = new Map<string, string>();
  for (const one of tries) {
    const arrival = byToken.get(tokenOf(network.nonce, one.id));
    if (arrival !== undefined && PROTOCOLS[one.way] === arrival.protocol) found.set(one.id, saidOf(arrival));
    if (one.way === "ping" && hasEchoed(one, before, after)) found.set(one.id, "an echo request arrived at our sink");
  }
  return found;
}

const PROTOCOLS: Readonly<Record<Try["way"], Arrival["protocol"] | "none">> = {
  tcp: "tcp",
  proxy: "tcp",
  socks: "tcp",
  udp: "udp",
  name: "dns",
  resolver: "dns",
  text: "dns",
  ping: "none",
};

function saidOf({ protocol, host, port }: Arrival): string {
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return `its nonce arrived at our sink, over ${protocol} to ${place}`;
}

/** The kernel counts them and does not say whose they were; only the target is there to send any. */
function hasEchoed({ host }: Try, before: Evidence["before"], after: Evidence["after"]): boolean {
  return host.includes(":") ? after.echoes.ipv6 > before.echoes.ipv6 : after.echoes.ipv4 > before.echoes.ipv4;
}

/** A name stands for the address that the sink gave it. */
function isTaken({ way, host, port }: Try, { before, after }: Evidence): boolean {
  const place = `${after.names[host] ?? host} ${port}`;
  return way === "tcp" && (after.connected[place] ?? 0) > (before.connected[place] ?? 0);
}

function controlRow(report: ProbeReport, isHeld: boolean, evidence: string): Observation {
  return {
    id: SINK_CONTROL,
    category: "network",
    subject: "our sink, from the sandbox's own network",
    verdict: isHeld ? "reachable" : "not-measured",
    access: isHeld ? ["connect"] : [],
    from: report.from,
    detail: evidence,
  };
}

/** When nobody knows what arrived, no row that hangs on it says anything. */
export function unjudged(report: ProbeReport, network: SimulatedInternet, reason: string): ProbeReport {
  const ids = new Set(everyTry(network).map(({ id }) => id));
  const observations = report.observations.map((row) => {
    const { control: _, ...rest } = row;
    return ids.has(row.id) && row.verdict !== "absent" ? notMeasured(rest, `${row.detail}; but ${reason}`) : row;
  });
  return { ...report, observations };
}
