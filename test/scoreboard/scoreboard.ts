import { join } from "node:path";
import type { Judged, Verdict } from "../egress/bypass/case.ts";
import { CASES } from "../egress/bypass/cases.ts";
import { tryAll } from "../egress/bypass/enter.ts";

/**
 * `npm run scoreboard`: the same 23 cases on the gateway, squid and tinyproxy, side by side. Exit 1 when one is not shut
 * in ours; of the others it tells and asks nothing.
 */
const BENCHES = {
  weakdoor: "../egress/bypass/ours.ts",
  squid: "squid.ts",
  tinyproxy: "tinyproxy.ts",
} as const;
type Name = keyof typeof BENCHES;

const verdicts = new Map<Name, Judged[]>();
for (const [name, bench] of Object.entries(BENCHES) as [Name, string][]) {
  verdicts.set(name, await tryAll(join(import.meta.dirname, bench)));
}
const verdictOf = (name: Name, number: number): Verdict | undefined =>
  verdicts.get(name)?.find((one) => one.number === number)?.verdict;

const lines = CASES.map(({ number, name }) => {
  const marks = (Object.keys(BENCHES) as Name[]).map((one) =>
    (verdictOf(one, number)?.status ?? "not-run").padEnd(10),
  );
  return `${String(number).padStart(2)}  ${marks.join(" ")} ${name}`;
});
const head = `    ${Object.keys(BENCHES)
  .map((name) => name.padEnd(10))
  .join(" ")} way round`;
process.stdout.write(`${[head, ...lines].join("\n")}\n\n`);
for (const name of Object.keys(BENCHES) as Name[]) {
  const of = (status: Verdict["status"]) => CASES.filter(({ number }) => verdictOf(name, number)?.status === status);
  const shut = `${name}: ${of("blocked").length} of ${CASES.length} shut`;
  process.stdout.write(`${shut}, ${of("open").length} open, ${of("not-run").length} not run\n`);
  for (const { number } of CASES) {
    const verdict = verdictOf(name, number);
    if (verdict?.status === "open") for (const by of verdict.by) process.stdout.write(`  ${number} open by ${by}\n`);
    if (verdict?.status === "not-run") process.stdout.write(`  ${number} not run: ${verdict.reason}\n`);
  }
}
process.exitCode = CASES.every(({ number }) => verdictOf("weakdoor", number)?.status === "blocked") ? 0 : 1;
