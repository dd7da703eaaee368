import { count, oneLine } from "../base/text.ts";
import type { Finding } from "../findings/finding.ts";
import { openStore } from "../store/openStore.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Verb } from "./verb.ts";

/** Lists what is known, the worst first. Reads only. */
export const verb: Verb = {
  name: "findings",
  summary: "list the findings that wait or stand, the worst first",
  usage: "findings [--all] [--json] [--state DIR]",
  options: { ...STATE_OPTIONS, all: { type: "boolean" }, json: { type: "boolean" } },
  async run({ values, io, cwd }) {
    const store = openStore(requireState(values, cwd), { mayCreate: false });
    try {
      const all = store.findings();
      const shown = flag(values, "all") ? all : all.filter((finding) => !isSettled(finding));
      if (flag(values, "json")) io.json(shown);
      else for (const line of tableOf(shown, all.length - shown.length)) io.out(line);
      return EXIT.nothingNew;
    } finally {
      store.close();
    }
  },
};

/** Gone, or set aside by a person. */
function isSettled({ state }: Finding): boolean {
  return state === "resolved" || state === "suppressed";
}

function tableOf(findings: readonly Finding[], hidden: number): string[] {
  const rows = findings.map((finding) => [
    finding.id.slice("fp1:".length, "fp1:".length + 12),
    finding.severity,
    finding.state,
    finding.category,
    oneLine(finding.title, 120),
  ]);
  const table = [["id", "severity", "state", "category", "title"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [
    ...(rows.length > 0 ? lines : ["no finding is open"]),
    ...(hidden > 0 ? [`${count(hidden, "finding")} resolved or suppressed: --all shows them`] : []),
  ];
}
