import { parseArgs } from "node:util";
import { benches } from "./all.ts";
import { type Bed, makeBed } from "./bed.ts";
import { type Bench, type Figure, type Measured, median } from "./figure.ts";

/** How long what a bench that was given up still holds open may keep the process after all are through. */
const FAREWELL_MS = 10_000;

/**
 * `npm run bench [NAME] [-- --json]`: each figure with its baseline measured in the same run, median and spread, and
 * the ratio of the two. A goal that is missed is said and makes the exit code 1, as does a bench that could not be run;
 * no absolute figure is a promise.
 */
const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true });
const chosen = benches.filter(
  (bench) => positionals.length === 0 || positionals.some((name) => bench.name.startsWith(name)),
);
if (chosen.length === 0) {
  process.stderr.write(`no bench of that name; there are: ${benches.map((bench) => bench.name).join(", ")}\n`);
  process.exitCode = 2;
} else {
  const isMet = await run(chosen, values.json === true);
  process.exitCode = isMet ? 0 : 1;
}
// oxlint-disable-next-line unicorn/no-process-exit -- the exit code stands, and nobody else can end what was given up
setTimeout(() => process.exit(), FAREWELL_MS).unref();

async function run(chosen: readonly Bench[], isJson: boolean): Promise<boolean> {
  await using bed = await makeBed();
  const figures: Figure[] = [];
  let areAllRun = true;
  for (const bench of chosen) {
    try {
      bed.renew();
      for (const measured of await withinTime(bench, bed)) {
        const figure = figureOf(measured);
        figures.push(figure);
        if (!isJson) process.stdout.write(`${line(figure)}\n`);
      }
    } catch (thrown) {
      areAllRun = false;
      process.stderr.write(
        `${bench.name} could not be run: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`,
      );
    }
  }
  if (isJson) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  return areAllRun && figures.every((figure) => figure.met !== false);
}

async function withinTime(bench: Bench, bed: Bed): Promise<Measured[]> {
  const { signal } = bed;
  const late = Promise.withResolvers<never>();
  const onAbort = () => late.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([bench.run(bed), late.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function figureOf(measured: Measured): Figure {
  const value = (measured.summary ?? median)(measured.values);
  const baseline = measured.baseline === null ? null : median(measured.baseline);
  const ratio = baseline === null ? null : value / baseline;
  return {
    name: measured.name,
    value: round(value),
    unit: measured.unit,
    baseline: baseline === null ? null : round(baseline),
    ratio: ratio === null ? null : round(ratio),
    goal: measured.goal?.text ?? null,
    met: measured.goal === null ? null : measured.goal.isMet(value, ratio ?? Number.NaN),
    runs: measured.values.length,
    min: round(Math.min(...measured.values)),
    max: round(Math.max(...measured.values)),
  };
}

function line(figure: Figure): string {
  const beside =
    figure.baseline === null ? "" : `  baseline ${figure.baseline} ${figure.unit}, ratio ${figure.ratio}`;
  const goal = figure.goal === null ? "" : `  ${figure.met === true ? "met" : "MISSED"}: ${figure.goal}`;
  return `${figure.name.padEnd(44)} ${figure.value} ${figure.unit} (${figure.min} to ${figure.max}, ${figure.runs} runs)${beside}${goal}`;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
