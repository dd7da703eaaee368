import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { oneLine } from "../base/text.ts";
import type { Guest } from "../egress/egress.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Drill, DrillOutcome } from "./decoys.ts";
import { touchFromInside } from "./touch.ts";

const WAIT_MS = 2_000;
const LOOK_MS = 10;

/**
 * Touches one tripwire from inside and waits for its alarm in the ledger, read back from the disk. The latency is from
 * the moment the order went in to the moment the leaf could be read, so it includes the start of the touching program.
 */
export async function runDrill(
  drill: Drill,
  { guest, ledger, clock, signal }: { guest: Guest; ledger: Ledger; clock: Clock; signal: AbortSignal },
): Promise<DrillOutcome> {
  const since = ledger.size();
  const startMs = clock.monotonicMs();
  const touching = touch(drill, guest, signal);
  const rang = await alarmOf(drill, ledger, since, { touching, clock, signal });
  const touched = await touching;
  if (rang !== undefined) {
    const latencyMs = rang.atMs - startMs;
    return { status: "rang", carrier: drill.carrier, latencyMs, leafSeq: rang.seq, detail: touched.detail };
  }
  if (touched.status === "not-run") return { status: "not-run", carrier: drill.carrier, reason: touched.detail };
  return {
    status: "silent",
    carrier: drill.carrier,
    waitedMs: clock.monotonicMs() - startMs,
    detail: touched.detail,
  };
}

type Touched = { status: "touched" | "not-run"; detail: string };

/** The alarm's leaf, looked for while the tripwire is being touched and for WAIT_MS after; undefined when none came. */
async function alarmOf(
  drill: Drill,
  ledger: Ledger,
  since: number,
  { touching, clock, signal }: { touching: Promise<Touched>; clock: Clock; signal: AbortSignal },
): Promise<{ seq: number; atMs: number } | undefined> {
  let endMs = Number.POSITIVE_INFINITY;
  const settle = () => {
    endMs = clock.monotonicMs() + WAIT_MS;
  };
  touching.then(settle, settle);
  while (clock.monotonicMs() < endMs) {
    signal.throwIfAborted();
    const entry = ledger
      .read(since)
      .find(({ leaf, payload }) => leaf.kind === "alarm.raised" && isOf(drill, payload));
    if (entry !== undefined) return { seq: entry.leaf.seq, atMs: clock.monotonicMs() };
    await sleep(LOOK_MS);
  }
  return undefined;
}

async function touch(drill: Drill, guest: Guest, signal: AbortSignal): Promise<Touched> {
  const touches = await touchFromInside(guest, [drill.order], signal);
  if (touches.status === "nothing-said") return { status: "not-run", detail: touches.reason };
  const [word] = touches.words;
  return { status: word?.status === "touched" ? "touched" : "not-run", detail: oneLine(word?.detail ?? "") };
}

function isOf(drill: Drill, payload: Record<string, unknown>): boolean {
  if (payload.carrier !== drill.carrier || payload.subject !== drill.subject) return false;
  return drill.nonce === undefined || (typeof payload.detail === "string" && payload.detail.includes(drill.nonce));
}
