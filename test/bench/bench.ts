import { parseArgs } from "node:util";
import { benches } from "./all.ts";
import type { Figure, Measured } from "./figure.ts";

/**
 * `npm run bench [NAME] [-- --json]`: each figure with its baseline measured in the same run, median and spread, and
 * the ratio of the two. A goal that is missed is said and makes the exit code 1; no absolute figure is a promise.
 */
const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true });
const chosen = benches.filter(
  (bench) => positionals.length === 0 || positionals.some((name) => bench.name.startsWith(name)),
);
if (chosen.length === 0) {
  process.stderr.write(`no bench of that name; there are: ${benches.map((bench) => bench.name).join(", ")}\n`);
  process.exitCode = 2;
}

const figures: Figure[] = [];
for (const bench of chosen) {
  for (const measured of await bench.run()) {
    const figure = figureOf(measured);
    figures.push(figure);
    if (values.json !== true) process.stdout.write(`${line(figure)}\n`);
  }
}
if (values.json === true) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
if (figures.some((figure) => figure.met === false)) process.exitCode = 1;

function figureOf(measured: Measured): Figure {
  const value = median(measured.values);
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

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
