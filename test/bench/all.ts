import { channels } from "./channel.bench.ts";
import { clone } from "./clone.bench.ts";
import { cycle } from "./cycle.bench.ts";
import { egress } from "./egress.bench.ts";
import type { Bench } from "./figure.ts";
import { gateway } from "./gateway.bench.ts";
import { kills } from "./kill.bench.ts";
import { ledger } from "./ledger.bench.ts";
import { owners } from "./owner.bench.ts";
import { probe } from "./probe.bench.ts";
import { recogniser } from "./recogniser.bench.ts";
import { rounds } from "./rounds.bench.ts";
import { starts } from "./start.bench.ts";
import { stopping } from "./stop.bench.ts";
import { watch } from "./watch.bench.ts";

/** In the order in which they are run. */
export const benches: readonly Bench[] = [
  ...starts,
  ...channels,
  gateway,
  ...egress,
  ...kills,
  ...owners,
  ...rounds,
  stopping,
  clone,
  probe,
  ledger,
  recogniser,
  watch,
  cycle,
];
