import { raceBed } from "./bed.ts";
import type { Running } from "./contender.ts";
import { mitmproxy } from "./mitmproxy.ts";
import { weakdoor, weakdoorInside } from "./ours.ts";
import { squid, squidBump } from "./squid.ts";
import type { Kind, Tally } from "./wire.ts";

/**
 * `node race.ts KIND`, within a network namespace that `enter.ts` made: all contenders of one kind in turn, so that a noisy moment
 * of the machine hits each, and a line of JSON for each. Of its ten seconds each has four to warm up in.
 */
export type Line = { name: string; tallies: Tally[] } | { name: string; missing: string };

const CONNECTIONS = 32;
const WARM_UP_MS = 4_000;
const ROUNDS = 3;
const ROUND_MS = 2_000;

const kind = process.argv[2] as Kind;
const contenders = [weakdoor, weakdoorInside, squid, squidBump, mitmproxy].filter(({ kinds }) =>
  kinds.includes(kind),
);
await using bed = await raceBed();
const up: { name: string; running: Running; tallies: Tally[] }[] = [];
for (const contender of contenders) {
  const { name } = contender;
  const running = await contender.start(bed.ground(name));
  if ("missing" in running) print({ name, missing: running.missing });
  else up.push({ name, running, tallies: [] });
}
const ask = ({ port, certificate }: Running, ms: number) =>
  bed.ask({ kind, connections: CONNECTIONS, ms, port, certificate });
for (const { running } of up) await ask(running, WARM_UP_MS);
for (let round = 0; round < ROUNDS; round++) {
  for (const { running, tallies } of up) tallies.push(await ask(running, ROUND_MS));
}
for (const { name, running, tallies } of up) {
  await running.close();
  print({ name, tallies });
}

function print(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
