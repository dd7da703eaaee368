import type { RoundTrip } from "../findings/finding.ts";
import { driftCases } from "./drift.ts";
import { differences, type Manifest } from "./manifest.ts";
import { type FileChange, nameOf } from "./mitigation.ts";
import type { Scripts } from "./script.ts";

/**
 * The gate before a mitigation is offered: both scripts are run in two fresh clones with different fakes, and each
 * promise is looked at afterwards. The finding must go away with the fix and come back with its undo, which shows that
 * the fix was the cause; the bytes must be the same after the undo; a run that was cut off after any step must be
 * finished and undone; and where the files are not as expected, nothing may be touched.
 *
 * Anything that is not as promised makes it `refuted`; what could not be told makes it `not-run`. Neither is offered.
 */
export async function roundTrip(input: RoundTripInput): Promise<RoundTrip> {
  // Side by side: neither clone knows of the other.
  const trials = await Promise.all(input.clones.map((clone, index) => onOne(clone, input, index === 0)));
  const steps = trials.flatMap((one) => one.steps);
  const broken = trials.find((one) => one.broken !== undefined)?.broken;
  if (broken === undefined) return { status: "proved", reason: "", steps };
  return { status: broken.status, reason: broken.message.slice(0, 400), steps };
}

/** There and back on one clone; on the first also what happens when a run is cut off and when the files have drifted. */
async function onOne(clone: CloneTrial, input: RoundTripInput, isFirst: boolean) {
  const steps: RoundTrip["steps"] = [];
  const trial = trialOn(clone, input, steps);
  try {
    await thereAndBack(trial);
    if (isFirst) {
      await cutOff(trial);
      await drifted(trial);
    }
  } catch (thrown) {
    if (thrown instanceof Broken) return { steps, broken: thrown };
    throw thrown;
  }
  return { steps, broken: undefined };
}

export type RoundTripInput = {
  clones: readonly [CloneTrial, CloneTrial];
  scripts: Scripts;
  changes: readonly FileChange[];
};

/** A fresh clone in which scripts may be run, and how to look at it again. Ours to spoil. */
export type CloneTrial = {
  /** At most 10 characters, for the report: `A`, `B`. */
  name: string;
  /** Host directories of the clone, absolute: where drift is made by hand. */
  home: string;
  workspace: string;
  /** Runs a script by `sh` in a sandbox, with `--home` and `--workspace` already given, `args` behind them. */
  runScript(
    script: string,
    args: readonly string[],
  ): Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Asks the check behind the finding again, on this clone as it is now. */
  recheck(): Promise<"present" | "absent" | { inconclusive: string }>;
  manifest(): Promise<Manifest>;
};

type Trial = {
  clone: CloneTrial;
  input: RoundTripInput;
  /** Runs a script and writes down whether it ended as expected. */
  run(step: string, which: "apply" | "reverse", expectedCode: number, args?: string[]): Promise<void>;
  /** Writes down whether the tree is as it was at another time. */
  same(step: string, wanted: Manifest): Promise<void>;
  is(step: string, isTrue: boolean, detail: string): void;
};

async function thereAndBack(trial: Trial): Promise<void> {
  const { clone, input } = trial;
  const declared = new Set(input.changes.map(nameOf));
  const before = await clone.manifest();
  await state(trial, "before", "present");
  await trial.run("apply", "apply", 0);
  const after = await clone.manifest();
  const changed = differences(before, after);
  trial.is(
    "only the declared files changed",
    changed.every((path) => declared.has(path)),
    changed.join(" "),
  );
  trial.is("every declared file changed", changed.length === declared.size, changed.join(" "));
  await state(trial, "after apply", "absent");
  await trial.run("apply again changes nothing", "apply", 0);
  await trial.same("the same after applying twice", after);
  await trial.run("reverse", "reverse", 0);
  await trial.same("identical bytes after reverse", before);
  await state(trial, "after reverse", "present");
  await trial.run("reverse again changes nothing", "reverse", 0);
  await trial.same("the same after reversing twice", before);
  await trial.run("apply once more", "apply", 0);
  await trial.same("as after the first apply", after);
  await trial.run("reverse once more", "reverse", 0);
  await trial.same("as at the start", before);
}

/** Stops both scripts after each step but the last, and lets either script take over. One row for each step. */
async function cutOff(trial: Trial): Promise<void> {
  const before = await trial.clone.manifest();
  const quiet = trialOn(trial.clone, trial.input, []);
  for (let k = 1; k < Math.min(trial.input.scripts.steps, CUTS_MAX); k++) {
    const stop = ["--stop-after", String(k)];
    await quiet.run(`apply cut off after step ${k}`, "apply", 0, stop);
    await quiet.run(`reverse after a cut at ${k}`, "reverse", 0);
    await quiet.same(`identical bytes after a cut at ${k}`, before);
    await quiet.run(`apply cut off after step ${k} again`, "apply", 0, stop);
    await quiet.run(`apply after a cut at ${k}`, "apply", 0);
    await quiet.run(`reverse cut off after step ${k}`, "reverse", 0, stop);
    await quiet.run(`reverse after its cut at ${k}`, "reverse", 0);
    await quiet.same(`identical bytes after reverse was cut at ${k}`, before);
    trial.is(`cut off after step ${k}`, true, "either script took over, and the bytes came back");
  }
}

/** More steps than this in one mitigation are not cut one by one. */
const CUTS_MAX = 12;

async function drifted(trial: Trial): Promise<void> {
  const [change] = trial.input.changes;
  if (change === undefined) return;
  for (const drift of driftCases(change, trial.clone)) {
    const undo = await drift.make();
    try {
      const before = await trial.clone.manifest();
      await trial.run(`apply on ${drift.what}`, "apply", drift.expectedCode);
      if (drift.expectedCode === 0) await trial.run("… reverse", "reverse", 0);
      await trial.same("… left as it was found", before);
    } finally {
      await undo();
    }
  }
}

async function state(trial: Trial, when: string, wanted: "present" | "absent"): Promise<void> {
  const seen = await trial.clone.recheck();
  if (typeof seen === "object")
    throw new Broken("not-run", `${when} on clone ${trial.clone.name}: ${seen.inconclusive}`);
  trial.is(`finding ${wanted} ${when}`, seen === wanted, `it is ${seen}`);
}

function trialOn(clone: CloneTrial, input: RoundTripInput, steps: RoundTrip["steps"]): Trial {
  const is = (step: string, isTrue: boolean, detail: string): void => {
    steps.push({ step: step.slice(0, 80), clone: clone.name, isTrue, detail: detail.slice(0, 300) });
    if (!isTrue) throw new Broken("refuted", `on clone ${clone.name}: ${step}: ${detail}`);
  };
  return {
    clone,
    input,
    is,
    async run(step, which, expectedCode, args = []) {
      const { code, stderr } = await clone.runScript(input.scripts[which], args);
      is(
        step,
        code === expectedCode,
        `code ${code}${code === expectedCode ? "" : ` and not ${expectedCode}: ${stderr.slice(-200)}`}`,
      );
    },
    async same(step, wanted) {
      const changed = differences(wanted, await clone.manifest());
      is(step, changed.length === 0, changed.length === 0 ? `${wanted.size} entries` : changed.join(" "));
    },
  };
}

/** Ends the trial at the first thing that is not as promised. */
class Broken extends Error {
  readonly status: "refuted" | "not-run";

  constructor(status: "refuted" | "not-run", message: string) {
    super(message);
    this.status = status;
  }
}
