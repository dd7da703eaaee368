import type { Finding, MitigationOffer } from "../findings/finding.ts";
import { MITIGATIONS } from "./all.ts";
import { diffOf } from "./diff.ts";
import { lintScript } from "./lint.ts";
import { type FileChange, type Mitigation, nameOf, type StackFiles } from "./mitigation.ts";
import { type CloneTrial, roundTrip } from "./roundTrip.ts";
import { type Scripts, scriptsFor } from "./script.ts";

/** Scripts that were written and not yet proved. */
export type Draft = { mitigation: Mitigation; changes: readonly FileChange[]; scripts: Scripts; diff: string };

export type Drafted = { status: "drafted"; draft: Draft } | { status: "none"; reasons: string[] };

/**
 * Writes scripts for the first mitigation of the finding's weakness that applies to this clone, or says of each why it
 * does not: the finding then has advice alone. `fakes` are the values of every fake of every clone of this cycle.
 */
export async function draftFor(
  finding: Finding,
  mitigationIds: readonly string[],
  clone: StackFiles,
  fakes: readonly string[],
): Promise<Drafted> {
  const reasons: string[] = [];
  for (const id of mitigationIds) {
    const mitigation = MITIGATIONS.find((m) => m.id === id);
    if (mitigation === undefined) {
      reasons.push(`${id}: no such mitigation`);
      continue;
    }
    const plan = await mitigation.plan(clone, finding);
    if (plan.status === "not-applicable") {
      reasons.push(`${id}: ${plan.reason}`);
      continue;
    }
    const scripts = scriptsFor({ finding: finding.id, mitigation: id, title: mitigation.title }, plan.changes);
    const bad = [scripts.apply, scripts.reverse].map((script) => lintScript(script, fakes));
    const refused = bad.find((lint) => lint.status === "refused");
    if (refused !== undefined) reasons.push(`${id}: the script was refused: ${refused.reason}`);
    else
      return {
        status: "drafted",
        draft: { mitigation, changes: plan.changes, scripts, diff: diffOf(plan.changes, fakes) },
      };
  }
  return { status: "none", reasons };
}

/** Proves a draft on two fresh clones and makes the offer of it. An offer that is not `proved` must not be approved. */
export async function offerOf(draft: Draft, clones: readonly [CloneTrial, CloneTrial]): Promise<MitigationOffer> {
  const { mitigation, changes, scripts, diff } = draft;
  return {
    id: mitigation.id,
    title: mitigation.title,
    effects: [...mitigation.effects],
    files: changes.map(nameOf),
    applyScript: scripts.apply,
    reverseScript: scripts.reverse,
    diff,
    roundTrip: await roundTrip({ clones, scripts, changes }),
  };
}
