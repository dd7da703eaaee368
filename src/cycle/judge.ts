import { egressLogPath } from "../egress/readLog.ts";
import type { Finding } from "../findings/finding.ts";
import { type Reconciled, reconcile } from "../findings/reconcile.ts";
import { type Rejection, verify } from "../findings/verify.ts";
import type { CheckRun, Observation } from "../guest/observation.ts";
import type { Research } from "../researcher/researcher.ts";
import { CATALOGUE } from "../sources/weaknesses/catalogue.ts";
import type { Audit } from "../stack/stack.ts";
import { foreignCredentials } from "./foreign.ts";
import type { Ground } from "./ground.ts";
import type { Measured } from "./measure.ts";
import type { Mitigated } from "./trials.ts";

export type Judged = {
  /** What this cycle's observations bear out. */
  found: Finding[];
  rejected: Rejection[];
  observations: Observation[];
  checks: CheckRun[];
};

/** Candidates to findings: each is held against the observations it cites. */
export function judge(ground: Ground, research: Research, measured: Measured, audit: Audit): Judged {
  const { cycle, config, clock, stateDir } = ground;
  const foreign = foreignCredentials(egressLogPath(stateDir, cycle));
  const observations = [...measured.target.observations, ...audit.observations, ...foreign.observations];
  const { findings, rejected } = verify({
    candidates: [...research.candidates, ...foreign.candidates],
    observations,
    catalogue: CATALOGUE,
    target: config.stack.name,
    cycle,
    at: clock.now(),
  });
  const checks = [...measured.target.checks, ...audit.checks, ...foreign.checks];
  return { found: findings, rejected, observations, checks };
}

/** Findings with their offers, held against what the store knew, and kept. Every change of a state is a leaf. */
export function settle(ground: Ground, judged: Judged, mitigated: Mitigated): Reconciled {
  const { cycle, config, clock, store, ledger } = ground;
  const at = clock.now();
  const stack = config.stack.name;
  const found = judged.found.map((finding) => {
    const mitigation = mitigated.offers.get(finding.id);
    return mitigation === undefined ? finding : { ...finding, mitigation };
  });
  const { observations, checks } = judged;
  const previous = store.findings(stack);
  const reconciled = reconcile({
    previous,
    found,
    observations,
    checks,
    catalogue: CATALOGUE,
    target: stack,
    cycle,
    at,
  });
  for (const { finding, event, from, to, reason } of reconciled.moves) {
    const payload = { finding, event, from, to, reason };
    ledger.append({ kind: "finding.moved", actor: { kind: "cycle", name: "cycle" }, cycle, payload });
  }
  store.saveFindings({ stack, cycle, at, findings: reconciled.findings, moves: reconciled.moves });
  return reconciled;
}
