import { bounded } from "../base/text.ts";
import type { Observation } from "../guest/observation.ts";
import { instanceOf } from "../sources/weaknesses/match.ts";
import type { Weakness } from "../sources/weaknesses/weakness.ts";
import { blastRadiusOf } from "./blastRadius.ts";
import type { Candidate, Finding } from "./finding.ts";
import { evidenceHash, type Group, groupsOf } from "./group.ts";
import { routeOf } from "./route.ts";
import { severityOf } from "./severity.ts";

/**
 * From candidates to findings. Whoever proposed a candidate, a script or a model, decides nothing: it names a weakness of
 * the catalogue and observations of this cycle, and the condition is asked again here. Everything in a finding but
 * `note` comes from the catalogue and the observations, so two researchers who cite the same facts get the same finding.
 */
export function verify(input: VerifyInput): Verification {
  const findings = new Map<string, Finding>();
  const rejected: Rejection[] = [];
  for (const candidate of input.candidates) {
    const weakness = input.catalogue.find((w) => w.id === candidate.weakness);
    if (weakness === undefined) {
      rejected.push(rejection(candidate, "unknown-weakness", candidate.observations.join(" ")));
      continue;
    }
    const groups = groupsOf(weakness, input.observations, input.target);
    for (const id of candidate.observations) {
      const reason = accept(findings, groups, id, candidate, input);
      if (reason !== undefined) rejected.push(rejection(candidate, reason, id));
    }
  }
  return { findings: [...findings.values()], rejected };
}

export type VerifyInput = {
  candidates: readonly Candidate[];
  /** All of this cycle's, from every vantage. */
  observations: readonly Observation[];
  catalogue: readonly Weakness[];
  /** Logical name of the stack. */
  target: string;
  cycle: string;
  at: Date;
};

export type Verification = { findings: Finding[]; rejected: Rejection[] };

/** Why a candidate, or one observation it cites, made no finding. Every string is inert: it may be a model's. */
export type Rejection = {
  weakness: string;
  observation: string;
  reason: RejectionReason;
  note: string;
};

type RejectionReason = "unknown-weakness" | "observation-not-in-cycle" | "condition-not-met" | "duplicate";

/** Adds the finding that a cited observation bears out, or tells why it bears out none. */
function accept(
  findings: Map<string, Finding>,
  groups: readonly Group[],
  id: string,
  candidate: Candidate,
  input: VerifyInput,
): RejectionReason | undefined {
  if (!input.observations.some((o) => o.id === id)) return "observation-not-in-cycle";
  const group = groups.find((g) => g.observations.some((o) => o.id === id));
  if (group === undefined) return "condition-not-met";
  if (findings.has(group.fingerprint)) {
    // One candidate may cite many observations of one group: that is no second claim.
    return candidate.observations.find((cited) => group.observations.some((o) => o.id === cited)) === id
      ? "duplicate"
      : undefined;
  }
  findings.set(group.fingerprint, findingOf(group, candidate.note, input));
  return undefined;
}

function findingOf(group: Group, note: string, input: VerifyInput): Finding {
  const { weakness, observations } = group;
  const { severity, reasons } = severityOf(weakness, observations);
  const seen = input.at.toISOString();
  const words = bounded(note, 600);
  return {
    id: group.fingerprint,
    weakness: weakness.id,
    title: titleOf(weakness, observations[0]),
    category: weakness.category,
    route: routeOf(weakness, observations),
    evidence: observations.slice(0, 200).map((o) => ({
      observation: o.id,
      from: o.from,
      verdict: o.verdict,
      detail: bounded(o.detail, 600),
      sha256: evidenceHash(o),
    })),
    evidenceClass: observations.every((o) => o.from === "audit") ? "configured" : "observed",
    blastRadius: blastRadiusOf(weakness, observations),
    severity,
    severityReasons: reasons,
    state: "open",
    explanation: weakness.explanation,
    references: [...weakness.attack, ...weakness.atlas, ...weakness.owasp, ...weakness.cwe],
    advice: weakness.advice,
    ...(words === "" ? {} : { note: words }),
    firstSeen: seen,
    lastSeen: seen,
    firstCycle: input.cycle,
    lastCycle: input.cycle,
  };
}

function titleOf(weakness: Weakness, observation: Observation): string {
  const instance = instanceOf(observation.id);
  if (weakness.one === "per-target" || instance === "") return weakness.title;
  return bounded(`${weakness.title}: ${instance}`, 200);
}

function rejection(candidate: Candidate, reason: RejectionReason, observation: string): Rejection {
  return {
    weakness: bounded(candidate.weakness, 80),
    observation: bounded(observation, 240),
    reason,
    note: bounded(candidate.note, 600),
  };
}
