import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The longest, first of all: one that began as the last would keep one core waiting for the other. */
const LONG = [
  "cycle/kill",
  "sandbox/qemu/contract",
  "sandbox/docker/contract",
  "sandbox/contract",
  "sandbox/e2b/contract",
  "stop/stuck",
  "sandbox/race",
  "sandbox/leak",
  "cycle/badInput",
  "cycle/lies",
  "cycle/demo",
  "cycle/forms",
  "egress/bypass/bypass",
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`test/${name}.test.ts`));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    include: ["test/**/*.test.ts"],
    // Run by `npm run scoreboard`: what other proxies let through is no claim about us.
    exclude: ["test/scoreboard/**", "**/node_modules/**"],
    globalSetup: ["test/support/global.ts"],
    reporters: ["default", "./test/support/reporter.ts"],
    pool: "forks",
    // Of two cores: who waits for sandboxes to die leaves one of them idle.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Hundreds of real processes die in a run, on machines that others use too. The reporter names each that needed it.
    retry: 1,
  },
});
