import { statSync } from "node:fs";
import { resolve } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { readBounded } from "../base/files.ts";
import { count, oneLine } from "../base/text.ts";
import type { ProbeReport } from "../guest/observation.ts";
import { type Change, type Diff, diffReports } from "../probe/diff.ts";
import { parseProbe } from "../probe/probe.ts";
import { EXIT, flag, type Io, type Verb, type VerbInput } from "./verb.ts";

/** `weakdoor diff`: what two measurements say differently. */
export const verb: Verb = {
  name: "diff",
  summary: "compare two measurements: widened, narrowed, moved, unknown",
  usage: "diff BEFORE AFTER [--json]",
  argumentsMax: 2,
  options: { json: { type: "boolean" } },
  run: diff,
};

async function diff({ values, positionals, io, cwd }: VerbInput): Promise<number> {
  const [before, after, ...more] = positionals;
  if (before === undefined || after === undefined || more.length > 0) {
    throw new OperatorError("diff takes two files", "make them with weakdoor probe --out FILE");
  }
  const found = diffReports(await load(cwd, before), await load(cwd, after));
  if (flag(values, "json")) io.json(found);
  else {
    show("widened", found.widened, io);
    show("narrowed", found.narrowed, io);
    show("moved", found.moved, io);
    show("unknown", found.unknown, io);
    io.out(`${count(found.unchanged, "observation")} unchanged`);
  }
  return exitOf(found);
}

function exitOf(found: Diff): number {
  if (found.widened.length > 0) return EXIT.newFindings;
  return found.unknown.length > 0 ? EXIT.incomplete : EXIT.nothingNew;
}

function show(title: string, changes: readonly Change[], io: Io): void {
  if (changes.length === 0) return;
  io.out(`${title}: ${changes.length}`);
  for (const change of changes) {
    io.out(`  ${change.id}: ${oneLine(change.before)} to ${oneLine(change.after)} (${oneLine(change.why)})`);
  }
}

const FILE_BYTES_MAX = 8 * 1024 * 1024;
const HINT = "make it with weakdoor probe --out FILE";

async function load(cwd: string, name: string): Promise<ProbeReport> {
  const shown = oneLine(name, 200);
  const { bytes, isWhole } = await read(resolve(cwd, name), shown);
  if (!isWhole) throw new OperatorError(`${shown} is too long for a probe's report`, HINT);
  const parsed = parseProbe(bytes.toString("utf8"));
  if (parsed.status === "refused") throw new OperatorError(`${shown}: ${oneLine(parsed.reason)}`, HINT);
  return parsed.report;
}

async function read(path: string, shown: string): Promise<{ bytes: Buffer; isWhole: boolean }> {
  try {
    // A FIFO would keep the reader waiting for a writer.
    if (!statSync(path).isFile()) throw new OperatorError(`${shown} is no file`, HINT);
    return await readBounded(path, FILE_BYTES_MAX);
  } catch (thrown) {
    if (thrown instanceof OperatorError) throw thrown;
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    throw new OperatorError(`cannot read ${shown}: ${code}`, HINT, { cause: thrown });
  }
}
