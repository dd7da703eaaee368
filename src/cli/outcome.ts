import { relative } from "node:path";
import { count, oneLine } from "../base/text.ts";
import type { Config } from "../config/config.ts";
import type { RunOutcome } from "../cycle/run.ts";
import type { Progress } from "../cycle/step.ts";
import type { Finding } from "../findings/finding.ts";
import { doubts, inOrder, notRun, type Report, widenedSince } from "../report/report.ts";
import { SEVERITIES } from "../sources/weaknesses/weakness.ts";
import { EXIT, type Io } from "./verb.ts";

/** One line a step, as it ends; to standard error, so that standard output stays the result. */
export function terminalProgress(io: Io): Progress {
  return {
    began: () => undefined,
    ended: ({ step, ms, sandboxMs }) =>
      io.err(
        `  ${step.padEnd(14)} ${`${Math.round(ms)} ms`.padStart(8)}${sandboxMs > 1 ? `  (${Math.round(sandboxMs)} ms sandboxes)` : ""}`,
      ),
    failed: (step, message) => io.err(`  ${step.padEnd(14)} ${"stopped".padStart(8)}  ${oneLine(message, 200)}`),
  };
}

/** What a person reads at the end: findings, doubts, where the report is. */
export function showOutcome(outcome: RunOutcome, config: Config, io: Io): void {
  if (outcome.status === "failed") return;
  if (outcome.status === "stopped") {
    io.out(`stopped: ${outcome.reason}`);
    for (const certificate of outcome.certificates)
      io.out(`  ${certificate.status.padEnd(10)} ${certificate.sandbox}`);
    io.out(
      `everything was gone ${Math.round(outcome.stoppedMs)} ms after the stop; weakdoor rearm --reason TEXT lets cycles run again`,
    );
    return;
  }
  const { report, directory } = outcome.written;
  io.out("");
  io.out(
    `${count(report.findings.length, "finding")} on ${report.stack.name}: ${report.delta.new.length} new, ${report.delta.regressed.length} came back, ${report.delta.resolved.length} resolved`,
  );
  for (const finding of inOrder(report.findings)) io.out(`  ${line(finding, report)}`);
  io.out("");
  for (const doubt of doubts(report)) io.out(`doubt: ${oneLine(doubt)}`);
  io.out(
    `${report.coverage.length - notRun(report).length} checks ran, ${notRun(report).length} did not (see coverage); ${drillsLine(report)}`,
  );
  io.out(`${certificatesLine(report)}; ${timeLine(report)}`);
  io.out(`report: ${relative(process.cwd(), directory)}/report.html (and .md, .json)`);
  const proved = report.findings.find((finding) => finding.mitigation?.roundTrip.status === "proved");
  if (proved !== undefined) io.out(`decide: weakdoor show ${proved.id.slice(4, 16)}, then approve or reject`);
  io.out(exitLine(report, config));
}

function line(finding: Finding, report: Report): string {
  const mark = report.delta.new.includes(finding.id)
    ? "new "
    : report.delta.regressed.includes(finding.id)
      ? "back"
      : "    ";
  const offer =
    finding.mitigation === undefined
      ? "advice"
      : finding.mitigation.roundTrip.status === "proved"
        ? "reversal proved"
        : `round trip ${finding.mitigation.roundTrip.status}`;
  return `${finding.severity.padEnd(8)} ${mark} ${finding.id.slice(4, 16)}  ${oneLine(finding.title, 90)} (${finding.evidenceClass}, ${offer})`;
}

function drillsLine({ drills }: Report): string {
  const rang = drills.filter((drill) => drill.status === "rang");
  const latencies = rang.map((drill) => `${drill.carrier} ${Math.round(drill.latencyMs ?? 0)} ms`);
  return `${rang.length} of ${drills.length} drills rang (${latencies.join(", ")})`;
}

function certificatesLine({ certificates }: Report): string {
  const destroyed = certificates.filter(({ status }) => status === "destroyed").length;
  return `${destroyed} of ${count(certificates.length, "sandbox", "sandboxes")} certified destroyed`;
}

function timeLine({ timings }: Report): string {
  const total = timings.reduce((sum, { ms }) => sum + ms, 0);
  const sandboxes = timings.reduce((sum, { sandboxMs }) => sum + sandboxMs, 0);
  return `${(total / 1000).toFixed(1)} s, ${((total - sandboxes) / 1000).toFixed(1)} s of it ours`;
}

function exitLine(report: Report, config: Config): string {
  const { threshold } = config.findings;
  const code = exitCodeOfReport(report, config);
  if (code === EXIT.newFindings) return `exit code ${code}: new findings at or over ${threshold}`;
  if (code === EXIT.regression) {
    const opened = count(widenedSince(report).length, "row");
    if (report.delta.regressed.length > 0) return `exit code ${code}: a finding came back`;
    return `exit code ${code}: ${opened} opened since ${report.drift.since}, and nobody approved it`;
  }
  return `exit code ${code}`;
}

export function exitCodeOf(outcome: RunOutcome, config: Config): number {
  if (outcome.status === "stopped") return EXIT.killed;
  if (outcome.status === "failed") return EXIT.bug;
  return exitCodeOfReport(outcome.written.report, config);
}

/** The gravest first: a harness that cannot be trusted, nothing checked, a regression, new findings, gaps. */
function exitCodeOfReport(report: Report, config: Config): number {
  if (report.preflight.some(({ status }) => status !== "held")) return EXIT.logOrPreflight;
  if (report.certificates.some(({ status }) => status !== "destroyed")) return EXIT.logOrPreflight;
  if (report.coverage.every(({ status }) => status !== "ran")) return EXIT.nothingChecked;
  if (report.delta.regressed.length > 0 || widenedSince(report).length > 0) return EXIT.regression;
  const isGrave = (finding: Finding) =>
    SEVERITIES.indexOf(finding.severity) >= SEVERITIES.indexOf(config.findings.threshold);
  const isNew = (finding: Finding) => report.delta.new.includes(finding.id);
  if (report.findings.some((finding) => isNew(finding) && isGrave(finding))) return EXIT.newFindings;
  const isSilent = report.drills.some(({ status }) => status !== "rang");
  if (isSilent || report.coverage.some(({ status }) => status === "failed") || report.research.end !== "finished")
    return EXIT.incomplete;
  return EXIT.nothingNew;
}
