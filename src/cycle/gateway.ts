import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { refusalOf } from "../base/errors.ts";
import { loadMasterKey } from "../canaries/key.ts";
import { type Gateway, GatewayLost } from "../egress/egress.ts";
import { startGateway } from "../egress/gateway.ts";
import { fingerprintOf, loadLists } from "../egress/lists.ts";
import { egressLogPath } from "../egress/readLog.ts";
import type { Library } from "../researcher/library.ts";
import { appendEntry } from "../stop/journal.ts";
import { processId } from "../stop/processes.ts";
import type { Broker } from "./broker.ts";
import type { Copy } from "./copy.ts";
import type { Ground } from "./ground.ts";
import { followPolicy } from "./policy.ts";
import { canaryHostOf } from "./tripwires.ts";

/** What the curated sources are fetched from; no sandbox names a host itself. */
const SOURCES = fileURLToPath(new URL("../../allowlists/sources.yaml", import.meta.url));

/** Quarantine and kept copies, for every cycle of this state. */
export function sourcesIn(stateDir: string): string {
  return join(stateDir, "sources");
}

/** Starts the gateway, tells it this clone's fakes, and writes it into the journal, so that the watchdog can cut it first. */
export async function openGateway(ground: Ground, messages: Broker, handed: Library, clone: Copy): Promise<Gateway> {
  const { config, cycle, stateDir, runDir, signal, clock } = ground;
  const before = await fingerprintOf([SOURCES]);
  const lists = await loadLists([SOURCES], ground.secretOf, clock.now());
  const gateway = await startGateway({
    cycle,
    runDirectory: runDir,
    logPath: egressLogPath(stateDir, cycle),
    ...lists,
    canaryHosts: [canaryHostOf(cycle)],
    ...(ground.model === undefined ? {} : { model: ground.model }),
    sources: { directory: sourcesIn(stateDir), clamdSocket: config.clamav.socket ?? null },
    stateDir,
    onHit: config.watch.onHit,
    onRequest: (request) => messages.onRequest(request),
    onAlarm: ground.onAlarm,
    onSpent: (spend) => ground.spend.hear(spend),
    onSource(asked) {
      handed.hear(asked);
      const actor = { kind: "gateway", name: "source-fetcher" } as const;
      ground.ledger.append({ kind: "source.asked", actor, cycle, payload: { ...asked } });
    },
    signal,
  });
  void gateway.died.then((error) =>
    ground.breakOff(refusalOf(error) ?? new GatewayLost(error.message, { cause: error })),
  );
  const process = processId(gateway.pid);
  if (process !== undefined)
    appendEntry(stateDir, { kind: "gateway", cycle, process, at: clock.now().toISOString() });
  followPolicy(ground, gateway, { paths: [SOURCES], before });
  await gateway.watch(clone.fakes, loadMasterKey(stateDir));
  return gateway;
}
