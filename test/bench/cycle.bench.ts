import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Report } from "../../src/report/report.ts";
import { start } from "../support/weakdoor.ts";
import type { Bed } from "./bed.ts";
import type { Bench, Measured } from "./figure.ts";

/**
 * The demo's cycle as a person runs it, with what sandboxes are made of prepared before: the whole command from start
 * to exit, what of its steps is ours and what is spent waiting for sandboxes, and each step.
 */
export const cycle: Bench = {
  name: "cycle",
  async run(bed) {
    const state = bed.fresh("state");
    mkdirSync(state, { mode: 0o700 });
    symlinkSync(bed.cache, join(state, "cache"));
    const runs: Run[] = [];
    for (let i = 0; i < RUNS; i++) runs.push(await runDemo(bed, state));
    return figuresOf(runs);
  },
};

const RUNS = 3;

type Run = { wallMs: number; timings: Report["timings"] };

async function runDemo(bed: Bed, state: string): Promise<Run> {
  const running = start(["run", "--demo", "--json", "--state", state, "--reports", bed.fresh("reports")]);
  const onAbort = () => running.child.kill("SIGTERM");
  bed.signal.addEventListener("abort", onAbort, { once: true });
  const { code, out, err, ms } = await running.ended;
  bed.signal.removeEventListener("abort", onAbort);
  // 10: new findings, which is what the demo is for; 0: the same as the time before.
  if (code !== 10 && code !== 0) throw new Error(`the cycle ended with ${code}: ${err}`);
  const { timings } = Report.parse(JSON.parse(out));
  // The report cannot tell how long its own writing took; the terminal does.
  const reportMs = Number(/^ *report +(\d+) ms/m.exec(err)?.[1]);
  return { wallMs: ms, timings: [...timings, { step: "report", ms: reportMs, sandboxMs: 0 }] };
}

function figuresOf(runs: readonly Run[]): Measured[] {
  const figure = (name: string, of: (run: Run) => number, goal: Measured["goal"] = null): Measured => ({
    name,
    unit: "ms",
    values: runs.map(of),
    baseline: null,
    goal,
  });
  const sum = (run: Run, of: (timing: Run["timings"][number]) => number) =>
    run.timings.reduce((total, timing) => total + of(timing), 0);
  const steps = runs[0]?.timings.map(({ step }) => step) ?? [];
  const under = (atMostMs: number) => ({
    text: `under ${atMostMs} ms`,
    isMet: (value: number) => value < atMostMs,
  });
  return [
    figure("cycle, the whole command", (run) => run.wallMs, under(15_000)),
    figure("cycle, ours", (run) => sum(run, ({ ms, sandboxMs }) => ms - sandboxMs), under(3_000)),
    figure("cycle, waiting for sandboxes", (run) => sum(run, ({ sandboxMs }) => sandboxMs)),
    ...steps.map((step) =>
      figure(`cycle step ${step}`, (run) => run.timings.find((timing) => timing.step === step)?.ms ?? Number.NaN),
    ),
  ];
}
