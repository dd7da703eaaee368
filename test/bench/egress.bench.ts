import type { Bed } from "./bed.ts";
import { inOwnNetwork } from "./egress/enter.ts";
import type { Line } from "./egress/race.ts";
import type { TunnelsHeld } from "./egress/tunnels.ts";
import type { Kind, Tally } from "./egress/wire.ts";
import type { Bench, Measured } from "./figure.ts";

/**
 * The gateway with its policy, its log and its watch beside proxies that others wrote: the same client, origin and answers, 32 at
 * once, on a loopback of their own. Squid does a part of what is asked of ours, mitmproxy another.
 */
const P99_MS = 15;
const RESIDENT_MB = 160;
const CUT_MS = 50;

/** Of each kind, who is held against whom. */
const RACES: readonly { kind: Kind; against: readonly { name: string; atLeast: number }[] }[] = [
  { kind: "forward", against: [{ name: "squid", atLeast: 0.85 }] },
  { kind: "tunnel", against: [{ name: "squid", atLeast: 0.85 }] },
  {
    kind: "terminated",
    against: [
      { name: "squid with ssl-bump", atLeast: 0.7 },
      { name: "mitmproxy", atLeast: 5 },
    ],
  },
];

export const egress: readonly Bench[] = [
  ...RACES.map(
    ({ kind, against }): Bench => ({
      name: `egress ${kind}`,
      async run(bed) {
        const lines = (await inOwnNetwork(bed, "race.ts", kind)) as Line[];
        const ours = talliesOf(lines, "weakdoor");
        const inside = talliesOf(lines, "weakdoor through its shim");
        return [
          ...against.map(({ name, atLeast }) => beside(`egress ${kind}`, ours, lines, name, atLeast)),
          ...against.map(({ name }) => beside(`egress ${kind} through the shim`, inside, lines, name, null)),
          {
            name: `egress ${kind}, p99 of 32 at once`,
            unit: "ms",
            values: ours.map(({ p99Ms }) => p99Ms),
            baseline: null,
            goal: { text: `under ${P99_MS} ms`, isMet: (value) => value < P99_MS },
          },
        ];
      },
    }),
  ),
  { name: "egress tunnels", run: heldTunnels },
];

/** A contender that is missing is said by its name, and its goal is not met. */
function beside(name: string, ours: Tally[], lines: Line[], other: string, atLeast: number | null): Measured {
  const line = lines.find((one) => one.name === other);
  if (line === undefined) throw new Error(`nothing was said of ${other}`);
  const why = "missing" in line ? ` (missing: ${line.missing})` : "";
  return {
    name: `${name}, beside ${other}${why}`,
    unit: "requests/s",
    values: ours.map(({ perSecond }) => perSecond),
    baseline: "missing" in line ? null : line.tallies.map(({ perSecond }) => perSecond),
    goal: atLeast === null ? null : { text: `at least ${atLeast} times`, isMet: (_, ratio) => ratio >= atLeast },
  };
}

function talliesOf(lines: Line[], name: string): Tally[] {
  const line = lines.find((one) => one.name === name);
  if (line === undefined || "missing" in line) throw new Error(`nothing was measured of ${name}`);
  return line.tallies;
}

async function heldTunnels(bed: Bed): Promise<Measured[]> {
  const [held] = (await inOwnNetwork(bed, "tunnels.ts")) as [TunnelsHeld];
  const resident = { text: `at most ${RESIDENT_MB} MB`, isMet: (value: number) => value <= RESIDENT_MB };
  const of = (name: string, unit: string, values: number[], goal: Measured["goal"]): Measured => ({
    name: `egress, 500 ${name}`,
    unit,
    values,
    baseline: null,
    goal,
  });
  return [
    of("terminated tunnels, resident", "MB", held.terminatedMB, resident),
    of("spliced tunnels, resident", "MB", held.splicedMB, resident),
    of("spliced tunnels, cut as the origin sees it", "ms", held.cutMs, {
      text: `under ${CUT_MS} ms`,
      isMet: (value) => value < CUT_MS,
    }),
  ];
}
