import { isExposure } from "../../guest/exposure.ts";
import type { ProbeReport } from "../../guest/observation.ts";
import { type Change, diffReports } from "../diff.ts";
import { isNamedBy } from "../intended.ts";
import type { Twin } from "./twin.ts";

/**
 * What a twin showed beside its sibling. `fired` it opened its own observations and no others · `silent` one that must open
 * did not · `spilled` something changed that is not declared · `loud` the sibling is open where it should be closed.
 */
export type Verdict =
  | { status: "fired"; flipped: string[] }
  | { status: "silent"; missing: string[] }
  | { status: "spilled"; others: string[] }
  | { status: "loud"; exposures: string[] };

/** What a machine leaves open in every sandbox: its kernel's settings and tables, and the habits of its engine. */
const OF_THE_MACHINE = [
  "kernel-sysctl:*",
  "ptrace-scope",
  "host-path-leak",
  "procfs-masking:*",
  "address-randomisation",
  // An engine copies the machine's resolv.conf, also to where there is no network.
  "network-route:nameserver",
];

export type Declared = Pick<Twin, "flips" | "alongside" | "open">;

/** Pure. `inventory`: rows that only list the twin's mounts. A silent twin is worse than one that spills: it is said first. */
export function verdictOf(
  declared: Declared,
  sibling: ProbeReport,
  weak: ProbeReport,
  inventory: readonly string[],
): Verdict {
  const { widened, narrowed, moved, unknown } = diffReports(sibling, weak);
  const missing = declared.flips.filter((pattern) => !widened.some(({ id }) => isNamedBy(pattern, id)));
  if (missing.length > 0) return { status: "silent", missing };
  const expected = [...declared.flips, ...Object.keys(declared.alongside ?? {}), ...inventory];
  const others = [...widened, ...narrowed, ...moved, ...unknown].filter(
    ({ id }) => !expected.some((pattern) => isNamedBy(pattern, id)),
  );
  if (others.length > 0) return { status: "spilled", others: others.map(said) };
  const exposures = exposuresOf(sibling, declared.open ?? []);
  if (exposures.length > 0) return { status: "loud", exposures };
  const flipped = widened
    .map(({ id }) => id)
    .filter((id) => declared.flips.some((pattern) => isNamedBy(pattern, id)));
  return { status: "fired", flipped };
}

/** Of a hardened sandbox, beside what the machine leaves open everywhere and what is named. */
export function exposuresOf(report: ProbeReport, open: readonly string[]): string[] {
  const named = [...OF_THE_MACHINE, ...open];
  return report.observations
    .filter(isExposure)
    .map(({ id }) => id)
    .filter((id) => !named.some((pattern) => isNamedBy(pattern, id)));
}

function said({ id, before, after }: Change): string {
  return `${id} (${before}, now ${after})`;
}
