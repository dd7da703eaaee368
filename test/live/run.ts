import { spawnSync } from "node:child_process";
import { readEnvironment, secretNamed } from "../../src/config/env.ts";

/**
 * `npm run live`: what the tests hold a fake to, asked of the real service. Costs money and sends the guest runtime to it, so it
 * runs only when somebody asks for it and the key is there. Without one nothing was checked, and that is no success.
 */
const NOTHING_CHECKED = 21;
const KEY_ENV = "E2B_API_KEY";

if (secretNamed(readEnvironment(), KEY_ENV) === undefined) {
  process.stdout.write(`not run: no key (set ${KEY_ENV} to run the contract against E2B)\n`);
  process.exitCode = NOTHING_CHECKED;
} else {
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/live/vitest.config.ts"];
  process.exitCode = spawnSync(process.execPath, vitest, { stdio: "inherit" }).status ?? 1;
}
