import type { DriverKind } from "../../src/sandbox/sandbox.ts";
import { type Bench, type Measured, percentile, sideBySide } from "./figure.ts";
import { bareKillMs } from "./kill/bare.ts";
import { type Killed, killCrowd } from "./kill/crowd.ts";

/**
 * From the decision to stop until the certificates are in hand, as the kill switch does it: one signal is aborted. Beside
 * it as many sandboxes of the same backend ended by hand, by `docker rm -f` where there is an engine.
 */
type Crowd = { kind: DriverKind; size: number; connections: number; rounds: number };

const TEN = { size: 10, connections: 3, rounds: 4 };
/** Where a machine is emulated, each takes a processor for seconds before it says anything. */
const PAIR = { size: 2, connections: 3, rounds: 2 };
const CROWDS: readonly Crowd[] = [
  { kind: "docker-runc", ...TEN },
  { kind: "docker-runsc", ...TEN },
  { kind: "bubblewrap", ...TEN },
  { kind: "runsc", ...TEN },
  { kind: "qemu", ...PAIR },
];
const FIFTY = { size: 50, connections: 0 };
const ROUNDS_OF_FIFTY = 2;

export const kills: readonly Bench[] = [
  ...CROWDS.map(
    ({ kind, rounds: roundsMax, ...crowd }): Bench => ({
      name: `kill ${kind}`,
      async run(bed) {
        const driver = await bed.driver(kind);
        const rounds: Killed[] = [];
        const { values, baseline } = await sideBySide(
          roundsMax,
          async () => {
            const killed = await killCrowd(driver, crowd, bed);
            rounds.push(killed);
            return killed.certifiedMs;
          },
          () => bareKillMs(driver, crowd.size, bed),
        );
        const isDocker = kind.startsWith("docker-");
        const by = isDocker ? "docker rm -f" : "SIGKILL by hand";
        return [
          pooled(
            `kill ${kind}, egress cut, p99`,
            rounds.flatMap(({ cutMs }) => cutMs),
            0.99,
            50,
          ),
          pooled(
            `kill ${kind}, workloads dead, p95`,
            rounds.flatMap(({ deadMs }) => deadMs),
            0.95,
            500,
          ),
          {
            name: `kill ${kind}, all dead, beside ${by}`,
            unit: "ms",
            values: rounds.map(({ deadMs }) => Math.max(...deadMs)),
            baseline,
            goal: isDocker ? { text: "at most 1.5 times", isMet: (_: number, ratio: number) => ratio <= 1.5 } : null,
          },
          { name: `kill ${kind}, certificates`, unit: "ms", values, baseline, goal: under(2_000) },
        ];
      },
    }),
  ),
  ...(["docker-runc", "bubblewrap"] as const).map(
    (kind): Bench => ({
      name: `fifty ${kind}`,
      async run(bed) {
        const driver = await bed.driver(kind);
        const figures = await sideBySide(
          ROUNDS_OF_FIFTY,
          async () => (await killCrowd(driver, FIFTY, bed)).certifiedMs,
          () => bareKillMs(driver, FIFTY.size, bed),
        );
        return [{ name: `kill of fifty ${kind}, certificates`, unit: "ms", ...figures, goal: under(5_000) }];
      },
    }),
  ),
];

/** Over every one of every round. */
function pooled(name: string, values: number[], of: number, atMostMs: number): Measured {
  return {
    name,
    unit: "ms",
    values,
    baseline: null,
    summary: (all: readonly number[]) => percentile(all, of),
    goal: under(atMostMs),
  };
}

function under(atMostMs: number) {
  return { text: `under ${atMostMs} ms`, isMet: (value: number) => value < atMostMs };
}
