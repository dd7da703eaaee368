import type { Finding, MitigationOffer } from "./finding.ts";
import { type Move, type Mover, move } from "./lifecycle.ts";

/**
 * A finding with what this cycle offers for it. When the scripts are other bytes than those a person decided on, the
 * decision is void and the finding is open again.
 */
export function withOffer(
  finding: Finding,
  offer: MitigationOffer | undefined,
  cycle: string,
): { finding: Finding; move?: Move } {
  const { mitigation: before, ...rest } = finding;
  const after: Finding = offer === undefined ? rest : { ...rest, mitigation: offer };
  if (sameScripts(before, offer)) return { finding: after };
  const actor: Mover = { kind: "cycle", name: cycle };
  const to = move(finding.state, "offer-changed", actor);
  if (to === finding.state) return { finding: after };
  return {
    finding: { ...after, state: to },
    move: {
      finding: finding.id,
      event: "offer-changed",
      from: finding.state,
      to,
      reason: "the offered scripts are others by now",
    },
  };
}

function sameScripts(a: MitigationOffer | undefined, b: MitigationOffer | undefined): boolean {
  return a?.applyScript === b?.applyScript && a?.reverseScript === b?.reverseScript;
}
