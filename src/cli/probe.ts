import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { count, oneLine } from "../base/text.ts";
import { readEnvironment } from "../config/env.ts";
import { buildGuest } from "../guest/build.ts";
import { checkOf, type Observation, type ProbeReport } from "../guest/observation.ts";
import { runProbe } from "../guest/probe/run.ts";
import { boundaryOf } from "../probe/boundary.ts";
import { type IntendedFile, idleEntries } from "../probe/intended.ts";
import { requestOf } from "../probe/probe.ts";
import { proposeIntended } from "../probe/propose.ts";
import { reversalOf } from "../probe/reversals.ts";
import { intendedIfThere } from "./intendedIfThere.ts";
import { loadMeasurement, type Measurement } from "./measurements.ts";
import { STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Io, text, type Verb, type VerbInput } from "./verb.ts";
import { versionOf } from "./version.ts";

/** `weakdoor probe`: what can be reached from where the command stands. */
export const verb: Verb = {
  name: "probe",
  summary: "measure what can be reached from where I stand",
  usage:
    "probe [--deep] [--out FILE] [--json] [--home DIR] [--workspace DIR] [--intended FILE] [--propose FILE [--of MEASUREMENT]] | probe --copy FILE",
  options: {
    deep: { type: "boolean" },
    out: { type: "string" },
    json: { type: "boolean" },
    home: { type: "string" },
    workspace: { type: "string" },
    intended: { type: "string" },
    propose: { type: "string" },
    of: { type: "string" },
    copy: { type: "string" },
    ...STATE_OPTIONS,
  },
  run: probe,
};

async function probe(input: VerbInput): Promise<number> {
  const { values, positionals, io, cwd } = input;
  if (positionals[0] !== undefined) {
    throw new OperatorError(
      `probe takes no argument, got ${oneLine(positionals[0], 80)}`,
      "see weakdoor probe --help",
    );
  }
  const copy = text(values, "copy");
  if (copy !== undefined) {
    refuseOver(resolve(cwd, copy), "name another file, or remove that one");
    return copyOf(resolve(cwd, copy), io);
  }
  const draft = text(values, "propose");
  if (draft !== undefined) refuseOver(resolve(cwd, draft), "name another file, and take over what you want");
  const of = text(values, "of");
  if (of !== undefined) return propose(resolve(cwd, draftFor(draft)), reportOf(await loadMeasurement(of, input)), io);
  const intended = await intendedIfThere(values, cwd);
  const environment = readEnvironment();
  const home = text(values, "home") ?? environment.home;
  const request = requestOf({
    vantage: "host",
    isDeep: flag(values, "deep"),
    workspace: directory(cwd, text(values, "workspace") ?? "."),
    ...(home === undefined ? {} : { home: directory(cwd, home) }),
  });
  const answer = await runProbe({ request, environment: environment.variables });
  const circumstances = { kernel: release(), node: process.version, weakdoor: versionOf() };
  const report: ProbeReport = { ...answer.report, circumstances };
  const out = text(values, "out");
  if (out !== undefined) save(resolve(cwd, out), `${JSON.stringify(report, null, 2)}\n`);
  if (draft !== undefined) propose(resolve(cwd, draft), report, io);
  if (flag(values, "json")) io.json(report);
  else show(io, report, intended);
  if (answer.isHanging) endAfterOutput(io);
  return report.checks.some((check) => check.status !== "ran") ? EXIT.incomplete : EXIT.nothingNew;
}

/** A file system that never answers holds its thread for ever, and an ordinary end waits for the thread. */
function endAfterOutput(io: Io): void {
  io.err("weakdoor: a file system does not answer: this process ends itself with SIGKILL");
  process.stdout.write("", () => process.kill(process.pid, "SIGKILL"));
}

/** The probe as one file, for a sandbox that has a Node of its own and nothing of ours. */
async function copyOf(path: string, io: Io): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "weakdoor-copy-"));
  try {
    const { bundles } = await buildGuest(directory);
    if (bundles.probe === undefined) throw new Error("the probe was not built");
    save(path, readFileSync(bundles.probe));
    chmodSync(path, 0o755);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  io.out(`wrote ${path}: copy it into a sandbox that has Node 20 or newer, and run it there:`);
  io.out(`  node ${basename(path)} --table`);
  return EXIT.nothingNew;
}

function draftFor(draft: string | undefined): string {
  if (draft !== undefined) return draft;
  throw new OperatorError("--of says what a draft is made of, and there is no draft", "add --propose FILE");
}

/** Of a whole cycle, the agent's sandbox: what it may reach is what a team writes down. */
function reportOf(measurement: Measurement): ProbeReport {
  return measurement.kind === "cycle" ? measurement.baseline.target : measurement.report;
}

/** A person may have written in it. */
function refuseOver(path: string, hint: string): void {
  if (existsSync(path)) throw new OperatorError(`${oneLine(path, 200)} is there already`, hint);
}

function propose(path: string, report: ProbeReport, io: Io): number {
  save(path, proposeIntended(report));
  io.err(`drafted ${path}: write down why each is intended, and delete what is not`);
  return EXIT.nothingNew;
}

function directory(cwd: string, path: string): string {
  const absolute = resolve(cwd, path);
  if (statSync(absolute, { throwIfNoEntry: false })?.isDirectory() === true) return absolute;
  throw new OperatorError(`${oneLine(path, 200)} is no directory`, "name one that exists with --home or --workspace");
}

function save(path: string, content: string | Buffer): void {
  try {
    writeDurably(path, content);
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    const hint = "name a file in a directory that may be written, with room left";
    throw new OperatorError(`cannot write ${oneLine(path, 200)}: ${code}`, hint, { cause: thrown });
  }
}

function show(io: Io, report: ProbeReport, { target: intended }: IntendedFile): void {
  const measured = report.observations.length;
  const now = new Date();
  io.out(
    `boundary ${report.boundary}, runtime ${report.runtime}, ${count(measured, "observation")} in ${report.durationMs} ms`,
  );
  io.out("");
  for (const part of boundaryOf(report.observations, report.checks, intended, now)) {
    if (part.status === "not-looked") io.out(`${part.category.padEnd(16)} not looked at: ${part.reason}`);
    else {
      const taken = part.intended === 0 ? "" : `, ${part.intended} of them intended`;
      io.out(`${part.category.padEnd(16)} ${count(part.observed, "exposure")}${taken}`);
      for (const rows of byCheck(part.unexplainedObservations)) showRows(io, rows);
    }
  }
  const unmeasured = report.observations.filter((row) => row.verdict === "not-measured").length;
  io.out("");
  io.out(`${count(unmeasured, "row")} not measured; --json shows all of it`);
  const { ended, unmet } = idleEntries(report.observations, intended, now);
  for (const { observation, until } of ended)
    io.out(`intended until ${until}, which has passed: ${oneLine(observation)}`);
  for (const { observation } of unmet) io.out(`intended and not open here: ${oneLine(observation)}`);
  for (const check of report.checks) {
    if (check.status !== "ran") io.out(`${check.check} ${check.status}: ${oneLine(check.reason, 200)}`);
  }
}

/** Of one check; a table stays short when a check has many instances. */
const ROWS_SHOWN_MAX = 4;

function showRows(io: Io, rows: readonly Observation[]): void {
  for (const row of rows.slice(0, ROWS_SHOWN_MAX)) {
    io.out(`  ${row.id}  ${row.access.join(", ")}  ${oneLine(row.detail, 100)}`);
    const reversal = reversalOf(row);
    if (reversal !== undefined) io.out(`    close it: ${oneLine(reversal.close, 200)}`);
  }
  const others = rows.slice(ROWS_SHOWN_MAX);
  if (others.length > 0) io.out(`  and ${others.length} more of ${checkOf(rows[0]?.id ?? "")}`);
}

function byCheck(rows: readonly Observation[]): Observation[][] {
  return [...Map.groupBy(rows, ({ id }) => checkOf(id)).values()];
}
