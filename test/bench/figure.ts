import type { Bed } from "./bed.ts";

/** One line of the bench, as `--json` prints it. */
export type Figure = {
  name: string;
  /** Median of `runs`, or what the name says. */
  value: number;
  unit: string;
  /** Median of the baseline, measured in the same run; null where nothing comparable exists. */
  baseline: number | null;
  ratio: number | null;
  goal: string | null;
  met: boolean | null;
  runs: number;
  min: number;
  max: number;
};

export type Measured = {
  name: string;
  unit: string;
  values: number[];
  baseline: number[] | null;
  /** Of the values; median when it is not given. */
  summary?: (values: readonly number[]) => number;
  goal: { text: string; isMet(value: number, ratio: number): boolean } | null;
};

export type Bench = { name: string; run(bed: Bed): Promise<Measured[]> };

/** Runs `once` and `bare` in turn, so that a noisy moment of the machine hits both. */
export async function sideBySide(runs: number, once: () => Promise<number>, bare: () => Promise<number>) {
  const values: number[] = [];
  const baseline: number[] = [];
  for (let i = 0; i < runs; i++) {
    baseline.push(await bare());
    values.push(await once());
  }
  return { values, baseline };
}

export async function milliseconds(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export async function mbPerSecond(bytes: number, work: () => unknown): Promise<number> {
  return bytes / 1_000 / (await milliseconds(work));
}

/** The least value that so much of them, from 0 to 1, does not exceed. */
export function percentile(values: readonly number[], of: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * of) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
