import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeDurably } from "../base/files.ts";
import { sha256Hex } from "../base/hash.ts";
import { oneLine } from "../base/text.ts";
import type { DrillOutcome } from "../decoys/decoys.ts";
import type { Gateway } from "../egress/egress.ts";
import { sourceCoverage, usesOf } from "../egress/source/freshness.ts";
import type { Reconciled } from "../findings/reconcile.ts";
import type { CheckRun } from "../guest/observation.ts";
import { boundaryOf } from "../probe/boundary.ts";
import { reversalOf } from "../probe/reversals.ts";
import { renderHtml } from "../report/renderHtml.ts";
import { renderMarkdown } from "../report/renderMarkdown.ts";
import { type BoundaryRow, type DrillRow, Report } from "../report/report.ts";
import type { Research } from "../researcher/researcher.ts";
import type { Certificate } from "../sandbox/certificate.ts";
import type { Copy } from "./copy.ts";
import { driftOfCycle } from "./drift.ts";
import { egressTable } from "./egress.ts";
import { FOREIGN_CHECK } from "./foreign.ts";
import { sourcesIn } from "./gateway.ts";
import type { Ground } from "./ground.ts";
import type { Judged } from "./judge.ts";
import type { Measured, View } from "./measure.ts";
import type { Persisted, Studied } from "./parts.ts";
import type { Preflight } from "./preflight.ts";
import type { Lab } from "./rooms.ts";
import type { Target } from "./target.ts";
import type { Mitigated } from "./trials.ts";

/** Everything the steps handed on. */
export type Results = {
  stack: Studied;
  clone: Copy;
  gateway: Gateway;
  target: Target;
  lab: Lab;
  preflight: Preflight;
  measured: Measured;
  drills: DrillOutcome[];
  audit: { checks: CheckRun[] };
  research: Research;
  again: Persisted;
  judged: Judged;
  mitigated: Mitigated;
  settled: Reconciled;
  certificates: readonly Certificate[];
};

/** `sha256` of report.json as it was written: it goes into the log, so that a later change of the file is seen. */
export type Written = { report: Report; directory: string; sha256: string };

/** Composes the model, writes one file per format into `<reports>/<cycle>`, and keeps the egress log beside them. */
export async function writeReport(ground: Ground, results: Results): Promise<Written> {
  // So that the checkpoint that the report prints covers it.
  ground.spend.close();
  const checkpoint = await ground.ledger.checkpoint();
  const report = Report.parse(reportOf(ground, results, checkpoint));
  const directory = join(ground.reportsDir, ground.cycle);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const json = `${JSON.stringify(report, null, 2)}\n`;
  writeDurably(join(directory, "report.json"), json, 0o644);
  writeDurably(join(directory, "report.md"), renderMarkdown(report), 0o644);
  writeDurably(join(directory, "report.html"), renderHtml(report), 0o644);
  copyFileSync(results.gateway.logPath, join(directory, "egress.jsonl"));
  return { report, directory, sha256: sha256Hex(json) };
}

function reportOf(ground: Ground, results: Results, checkpoint: string): Report {
  const { config, cycle, clock, ledger, stepper, version } = ground;
  const { stack, clone, target, lab, measured, research, judged, mitigated, settled, preflight } = results;
  return {
    version: 1,
    cycle,
    startedAt: ground.startedAt.toISOString(),
    endedAt: clock.now().toISOString(),
    stack: {
      name: config.stack.name,
      snapshot: stack.snapshot.hash,
      agents: stack.snapshot.agents,
      kernel: stack.snapshot.kernel,
      files: stack.snapshot.files.length,
    },
    weakdoor: { version, node: process.version, config: config.sha256 },
    target: {
      driver: target.sandbox.driver,
      isolation: target.sandbox.isolation,
      boundary: measured.target.report.boundary,
      runtime: measured.target.report.runtime,
      why: target.why,
      declaredAt: target.declared.declaredAt,
      weakGround: target.plan.weakGround,
    },
    lab: {
      driver: lab.sandbox.driver,
      isolation: lab.sandbox.isolation,
      boundary: measured.lab.report.boundary,
      runtime: measured.lab.report.runtime,
      why: lab.why,
      isWeak: lab.isWeak,
    },
    subset: subsetOf(measured),
    preflight: [...preflight.rows, ...measured.selfTest.rows],
    killDrillMs: preflight.killDrillMs,
    clone: {
      replaced: clone.replaced.map(({ file, kind, place, by }) => ({ file, kind, place, by })),
      skipped: clone.skipped,
      proof: clone.proof,
    },
    findings: settled.findings.filter(
      (finding) => finding.state !== "resolved" || settled.resolved.includes(finding.id),
    ),
    delta: {
      new: settled.new,
      regressed: settled.regressed,
      resolved: settled.resolved,
      unchanged: settled.unchanged,
      blind: settled.blind,
    },
    boundaries: [boundary("target", measured.target, ground), boundary("lab", measured.lab, ground)],
    drift: driftOfCycle(ground, { stack, target, measured }),
    coverage: coverageOf(ground, results),
    observations: judged.observations,
    persisted: results.again,
    drills: results.drills.map(drillRow),
    research: {
      mode: config.research.mode,
      candidates: research.candidates.length,
      accepted: judged.found.length,
      refused: judged.rejected.map(({ weakness, observation, reason }) => ({
        weakness,
        reason: `${reason}: ${observation}`,
      })),
      end: research.end.status === "finished" ? "finished" : `${research.end.status}: ${research.end.reason}`,
      notes: research.candidates.filter(({ note }) => note !== "").map(({ weakness, note }) => ({ weakness, note })),
      ...sourcesOf(research, clock.now()),
      spent: results.gateway.spent(),
      malformed: research.refused + Object.values(results.gateway.refused()).reduce((sum, n) => sum + n, 0),
    },
    egress: egressTable(results.gateway.logPath),
    certificates: [...results.certificates],
    withoutMitigation: mitigated.without,
    ledger: { leaves: ledger.size(), checkpoint },
    timings: stepper.timings,
  };
}

/** Ids and quotations are a source's words, and stay inert wherever they are shown. */
function sourcesOf(
  { asked, read, unfounded, candidates }: Research,
  now: Date,
): Pick<Report["research"], "sources" | "readings" | "citations"> {
  const sources = usesOf(asked, now).filter(({ asOf, failed, unfit }) => asOf !== null || failed + unfit > 0);
  const citations = candidates.flatMap(({ weakness, citations: cited }) =>
    cited.map((citation) => ({ weakness, ...citation })),
  );
  return { sources, readings: { ...read, unfounded }, citations };
}

function subsetOf({ subset }: Measured): Report["subset"] {
  if (subset.status === "not_run") return { status: "not-run", detail: subset.reason, excepted: [] };
  if (subset.status === "refuted")
    return { status: "not-run", detail: "the cycle stops when it does not hold", excepted: [] };
  const detail = `${subset.compared} rows compared, ${subset.unmeasured.length} could not be asked in the lab.`;
  return { status: "held", detail, excepted: ["the gateway's own authorities", ...subset.excepted] };
}

function boundary(from: "target" | "lab", view: View, ground: Ground): BoundaryRow {
  const rows = boundaryOf(view.observations, view.checks, ground.intended[from], ground.clock.now());
  return {
    from,
    categories: rows.map((row) =>
      row.status === "looked"
        ? {
            category: row.category,
            intended: row.intended,
            observed: row.observed,
            unexplained: row.unexplained,
            notLooked: "",
            observations: row.unexplainedObservations.map((one) => ({
              id: one.id,
              close: reversalOf(one)?.close ?? "",
            })),
          }
        : {
            category: row.category,
            intended: null,
            observed: null,
            unexplained: null,
            notLooked: row.reason,
            observations: [],
          },
    ),
  };
}

/** Every check of every vantage, and a row for each backend that did not answer, each thing declared and not repeated, each file not read, each source. */
function coverageOf(ground: Ground, { measured, audit, judged, target, stack, research }: Results): CheckRun[] {
  const declared = target.plan.notRepeated.map(({ what, why }) => ({
    check: `declared: ${what}`.slice(0, 100),
    category: "cross-boundary" as const,
    from: "target" as const,
    status: "skipped" as const,
    reason: why.slice(0, 400),
  }));
  const backends = ground.missing.map(({ kind, reason }) => ({
    check: `backend: ${kind}`,
    category: "cross-boundary" as const,
    from: "host" as const,
    status: "skipped" as const,
    reason: oneLine(reason, 390),
  }));
  const unreadable = stack.discovered.problems.map(({ file, message }) => ({
    check: `read ${file}`.slice(-100),
    category: "tool-plane" as const,
    from: "audit" as const,
    status: "failed" as const,
    reason: message.slice(0, 400),
  }));
  return [
    ...measured.target.checks,
    ...measured.lab.checks,
    ...measured.selfTest.checks,
    ...audit.checks,
    ...judged.checks.filter(({ check }) => check === FOREIGN_CHECK),
    ...backends,
    ...declared,
    ...unreadable,
    ...sourceCoverage(
      sourcesIn(ground.stateDir),
      ground.config.clamav.socket ?? null,
      research.asked,
      ground.clock.now(),
    ),
  ];
}

function drillRow(outcome: DrillOutcome): DrillRow {
  const { carrier, status } = outcome;
  if (status === "rang")
    return { carrier, status, latencyMs: outcome.latencyMs, leaf: outcome.leafSeq, detail: outcome.detail };
  const detail =
    status === "silent" ? `no alarm within ${Math.round(outcome.waitedMs)} ms; ${outcome.detail}` : outcome.reason;
  return { carrier, status, latencyMs: null, leaf: null, detail };
}
