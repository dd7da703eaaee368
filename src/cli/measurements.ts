import { existsSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { z } from "zod";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { readBounded } from "../base/files.ts";
import { oneLine } from "../base/text.ts";
import type { ProbeReport } from "../guest/observation.ts";
import { BASELINE_BYTES_MAX, baselineFrom, baselinePath, type KeptBaseline } from "../probe/keptBaseline.ts";
import { parseProbe } from "../probe/probe.ts";
import { stateDirOf } from "./state.ts";
import type { VerbInput } from "./verb.ts";

/** What a person can name as a measurement: one place measured by `weakdoor probe`, or both sandboxes of a cycle. */
export type Measurement = { kind: "probe"; report: ProbeReport } | { kind: "cycle"; baseline: KeptBaseline };

const HINT = "weakdoor probe --out FILE makes one, and every cycle leaves one in the state directory's baselines/";

/** By file, or by the id of a cycle whose baseline is in the state directory. Throws OperatorError for anything else. */
export async function loadMeasurement(
  named: string,
  { values, cwd }: Pick<VerbInput, "values" | "cwd">,
): Promise<Measurement> {
  const file = resolve(cwd, named);
  const kept = baselinePath(stateDirOf(values, cwd), named);
  const path = !existsSync(file) && existsSync(kept) ? kept : file;
  const shown = oneLine(named, 200);
  const { bytes, isWhole } = await read(path, shown);
  if (!isWhole) throw new OperatorError(`${shown} is too long for a measurement`, HINT);
  const text = bytes.toString("utf8");
  const { kind, version } = markOf(text);
  if (kind !== undefined) return { kind: "cycle", baseline: baselineFrom(text, shown) };
  if (version !== undefined && version > REPORT_VERSION) {
    const what = `a report of version ${version}, and this weakdoor reads up to ${REPORT_VERSION}`;
    throw new OperatorError(`${shown}: ${what}`, "it was written by a newer weakdoor: use that one, or measure anew");
  }
  const parsed = parseProbe(text);
  if (parsed.status === "refused") throw new OperatorError(`${shown}: ${oneLine(parsed.reason)}`, HINT);
  return { kind: "probe", report: parsed.report };
}

const REPORT_VERSION = 1;
const Mark = z.object({ kind: z.string().optional(), version: z.int().optional().catch(undefined) });

/** What it calls itself; nothing when it is no object of ours, which whoever takes it apart says. */
function markOf(text: string): z.infer<typeof Mark> {
  try {
    return Mark.safeParse(JSON.parse(text)).data ?? {};
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return {};
    throw thrown;
  }
}

async function read(path: string, shown: string): Promise<{ bytes: Buffer; isWhole: boolean }> {
  try {
    // A FIFO would keep the reader waiting for a writer.
    if (!statSync(path).isFile()) throw new OperatorError(`${shown} is no file`, HINT);
    return await readBounded(path, BASELINE_BYTES_MAX);
  } catch (thrown) {
    if (thrown instanceof OperatorError) throw thrown;
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    const what =
      code === "ENOENT" ? `there is no file and no kept cycle ${basename(shown)}` : `cannot read ${shown}: ${code}`;
    throw new OperatorError(what, HINT, { cause: thrown });
  }
}
