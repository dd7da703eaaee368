import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../../src/base/errors.ts";
import { CASES } from "./cases.ts";
import { judge } from "./judge.ts";
import type { StartBench } from "./ours.ts";
import { startWorld } from "./world.ts";

/**
 * `node run.ts BENCH`: tries every case on the proxy that the module BENCH starts, and prints one line of JSON for each.
 * Only within a namespace that `enter.ts` made, because it takes the ports of the world.
 */
const [, , module = ""] = process.argv;
const { start } = (await import(module)) as { start: StartBench };
const directory = mkdtempSync(join(tmpdir(), "wd-byp-"));
const world = await startWorld();
const bench = await start({ directory, certificates: world.certificates });
try {
  for (const one of CASES) {
    const judged = await judge(one, bench, world).catch((thrown: unknown) => {
      const reason = `it broke off: ${messageOf(thrown)}`;
      return { number: one.number, name: one.name, verdict: { status: "not-run" as const, reason } };
    });
    process.stdout.write(`${JSON.stringify(judged)}\n`);
  }
} finally {
  await bench.close();
  await world.close();
  rmSync(directory, { recursive: true, force: true });
}
// oxlint-disable-next-line unicorn/no-process-exit -- a program of its own; what proxies left half open is nobody's any more
process.exit(0);
