import { setTimeout as sleep } from "node:timers/promises";
import type { CheckRun, ProbeReport } from "../observation.ts";
import { CHECKS } from "./all.ts";
import { controlCheck } from "./control.ts";
import { pathAccess } from "./deep/path-access.ts";
import { gatherFacts } from "./facts.ts";
import { inheritedDescriptor } from "./filesystem/inherited-descriptor.ts";
import { finish } from "./finish.ts";
import { type Ground, kernel } from "./ground.ts";
import { underLandlock } from "./landlock.ts";
import { everyTry } from "./network/everyTry.ts";
import { loopbackListener } from "./network/loopback-listener.ts";
import { tryAll } from "./network/tried.ts";
import { CHECK_MS_MAX, type Check, type Context, PROBE_MS_MAX, ROWS_MAX, type Row } from "./probe.ts";
import { remembering } from "./remember.ts";
import type { ProbeRequest } from "./request.ts";
import { notMeasured } from "./row.ts";
import { withoutSilent } from "./silent.ts";

export type Answer = {
  report: ProbeReport;
  /** True when a question is still unanswered, so that the process would wait for it. */
  isHanging: boolean;
};

export type Input = {
  request: ProbeRequest;
  environment: Readonly<Record<string, string | undefined>>;
  ground?: Ground;
  checks?: readonly Check[];
  nowMs?: () => number;
};

/** Runs every check in its turn, each in its own time, and never lets one spoil another. Rejects only when the first tables cannot be asked for. */
export async function runProbe(input: Input): Promise<Answer> {
  const nowMs = input.nowMs ?? (() => performance.now());
  const startedMs = nowMs();
  const ground = remembering(input.ground ?? kernel);
  const facts = await gatherFacts(ground, input.request, input.environment);
  const context: Context = {
    request: input.request,
    ground: withoutSilent(facts.isLandlocked ? underLandlock(ground) : ground, facts.silentMounts),
    facts,
    environment: input.environment,
  };
  const runs: { check: Check; rows: Row[]; run: CheckRun }[] = [];
  let isHanging = facts.silentMounts.length > 0;
  const deep = input.request.isDeep ? [pathAccess] : [];
  for (const check of [controlCheck, ...(input.checks ?? CHECKS), ...deep]) {
    if (!LOOKS_AT_ITSELF.includes(check) && context.tried === undefined) await beginTries(context);
    const leftMs = PROBE_MS_MAX - (nowMs() - startedMs);
    const timeoutMs = check.bounds?.timeoutMs ?? Math.min(CHECK_MS_MAX, leftMs);
    const outcome = timeoutMs <= 0 ? OUT_OF_TIME : await runOne(check, context, timeoutMs);
    isHanging ||= outcome.status === "failed" && outcome.isHanging;
    runs.push(asRun(check, outcome, input.request));
  }
  return {
    report: {
      version: 1,
      from: input.request.vantage,
      boundary: facts.boundary,
      runtime: facts.runtime,
      durationMs: Math.round((nowMs() - startedMs) * 10) / 10,
      observations: runs.flatMap(({ check, rows }) => finish(check, rows, runs[0]?.rows ?? [], input.request)),
      checks: runs.map(({ run }) => run),
    },
    isHanging,
  };
}

/** Before there are sockets of ours that they would see. */
const LOOKS_AT_ITSELF: readonly Check[] = [controlCheck, inheritedDescriptor, loopbackListener];
const HEAD_START_MS = 60;

/**
 * Under way while the other checks run: what is held back takes its whole time to say nothing. What is let through is through
 * after the head start, and the checks do not slow it down.
 */
async function beginTries(context: Context): Promise<void> {
  const { network, isPassive } = context.request;
  if (network === undefined || isPassive) return;
  context.tried = tryAll(everyTry(network), network, context);
  await Promise.race([context.tried, sleep(HEAD_START_MS, undefined, { ref: false })]);
}

type Outcome =
  | { status: "ran"; rows: Row[]; fellShort: string }
  | { status: "failed"; reason: string; isHanging: boolean }
  | { status: "skipped"; reason: string };

const OUT_OF_TIME: Outcome = { status: "skipped", reason: `the probe's ${PROBE_MS_MAX} ms were used up before it` };

async function runOne(check: Check, context: Context, timeoutMs: number): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<Outcome>((resolve) => {
    const reason = `no answer within ${check.bounds?.timeoutMs ?? CHECK_MS_MAX} ms`;
    timer = setTimeout(() => resolve({ status: "failed", reason, isHanging: true }), timeoutMs);
  });
  try {
    return await Promise.race([look(check, context), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** A check may throw anything; its row says so, and the next check runs. */
async function look(check: Check, context: Context): Promise<Outcome> {
  try {
    const seen = await check.run(context);
    if (seen.rows.length === 0) return { status: "failed", reason: "the check came back empty", isHanging: false };
    const rowsMax = check.bounds?.rows ?? ROWS_MAX;
    const cut = seen.rows.length > rowsMax ? `only the first ${rowsMax} of ${seen.rows.length} rows are kept` : "";
    return { status: "ran", rows: seen.rows.slice(0, rowsMax), fellShort: seen.fellShort ?? cut };
  } catch (thrown) {
    return {
      status: "failed",
      reason: `threw ${thrown instanceof Error ? thrown.name : typeof thrown}`,
      isHanging: false,
    };
  }
}

function asRun(check: Check, outcome: Outcome, request: ProbeRequest): { check: Check; rows: Row[]; run: CheckRun } {
  const line = { check: check.id, category: check.category, from: request.vantage };
  switch (outcome.status) {
    case "ran": {
      const status = outcome.fellShort === "" ? "ran" : "degraded";
      return { check, rows: outcome.rows, run: { ...line, status, reason: outcome.fellShort } };
    }
    case "failed":
    case "skipped": {
      const { status, reason } = outcome;
      return { check, rows: [notMeasured(check.id, check.id, reason)], run: { ...line, status, reason } };
    }
  }
}
