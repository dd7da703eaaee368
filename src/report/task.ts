import type { Finding } from "../findings/finding.ts";
import { inOrder, type Report } from "./report.ts";

/** What a finding asks of the people who read about it. */
export type Task =
  /** A mitigation whose reversal was proved waits for a yes or a no. */
  | "decide"
  /** Nothing of ours can be offered: somebody has to change it. */
  | "by-hand"
  /** Told so that it is known; of severity info, and nothing is asked for. */
  | "know"
  /** Approved and still there: weakdoor applies nothing. */
  | "apply"
  /** Rejected or suppressed by a person. */
  | "none"
  /** Gone, by the same check. */
  | "resolved";

export function taskOf({ state, severity, mitigation }: Finding): Task {
  switch (state) {
    case "open":
    case "regressed":
      if (mitigation?.roundTrip.status === "proved") return "decide";
      return severity === "info" ? "know" : "by-hand";
    case "approved":
      return "apply";
    case "rejected":
    case "suppressed":
      return "none";
    case "resolved":
      return "resolved";
  }
}

/** Those that ask for this, worst first. */
export function withTask(report: Report, ...tasks: Task[]): Finding[] {
  return inOrder(report.findings.filter((finding) => tasks.includes(taskOf(finding))));
}

/** How a finding stands against the cycle before; empty when nothing changed. */
export function changeOf(
  { delta }: Report,
  { id }: Finding,
): "" | "new" | "came back" | "resolved" | "not looked at" {
  if (delta.new.includes(id)) return "new";
  if (delta.regressed.includes(id)) return "came back";
  if (delta.resolved.includes(id)) return "resolved";
  return delta.blind.some((row) => row.finding === id) ? "not looked at" : "";
}

/** As short as the command line takes it. */
export function shortId({ id }: Pick<Finding, "id">): string {
  return id.slice(4, 16);
}
