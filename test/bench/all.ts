import { channels } from "./channel.bench.ts";
import { clone } from "./clone.bench.ts";
import { cycle } from "./cycle.bench.ts";
import type { Bench } from "./figure.ts";
import { gateway } from "./gateway.bench.ts";
import { kill } from "./kill.bench.ts";
import { ledger } from "./ledger.bench.ts";
import { probe } from "./probe.bench.ts";
import { recogniser } from "./recogniser.bench.ts";
import { start } from "./start.bench.ts";

/** In the order in which they are run. */
export const benches: readonly Bench[] = [start, ...channels, gateway, kill, clone, probe, ledger, recogniser, cycle];
