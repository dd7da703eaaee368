import type { Reporter, TestModule } from "vitest/node";

/**
 * Says by name what did not run, and closes with one plain line. A test that did not run makes the run red, unless
 * its note begins with `hardware:`, that is, the machine lacks a device that it is about. One that failed and passed when
 * it was asked again is no failure and no secret: it stands there by name with what it said at first.
 */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    let passed = 0;
    let failed = 0;
    let skipped = 0;
    const again: string[] = [];
    for (const module of modules) {
      if (module.state() === "failed" && module.children.size === 0) failed++;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") {
          passed++;
          const [first] = result.errors ?? [];
          if (first !== undefined) again.push(`${test.fullName} (at first: ${first.message})`);
        } else if (result.state === "failed") failed++;
        else {
          const note = result.state === "skipped" ? (result.note ?? "no reason given") : "never started";
          console.log(`did not run: ${test.fullName} (${note})`);
          if (note.startsWith("hardware:")) skipped++;
          else failed++;
        }
      }
    }
    for (const one of again) console.log(`passed only when asked again: ${one}`);
    console.log(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped`);
    if (failed > 0 || passed === 0) process.exitCode = 1;
  }
}
