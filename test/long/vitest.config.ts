import { defineConfig } from "vitest/config";

/** What takes minutes, one after the other: `npm run long`. */
export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  test: {
    include: ["test/**/*.long.ts"],
    reporters: ["default", "./test/support/reporter.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 150_000,
    hookTimeout: 120_000,
  },
});
