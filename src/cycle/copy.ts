import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Fake } from "../canaries/canaries.ts";
import { fakeMaker } from "../canaries/fakes.ts";
import { loadMasterKey } from "../canaries/key.ts";
import { rememberFakes } from "../canaries/registry.ts";
import { cloneStack } from "../stack/clone.ts";
import { fileNamedBy } from "../stack/declared/choose.ts";
import type { Clone } from "../stack/stack.ts";
import type { Ground } from "./ground.ts";

/** The clone, every fake in it, and two more: for the drills, and for a file that nobody should open. Leaving its scope removes it from the disk. */
export type Copy = Clone & AsyncDisposable & { fakes: readonly Fake[]; drillFake: Fake; sentinelFake: Fake };

/** Clones the configured stack into the run directory. `label` tells the copies of one cycle apart, by directory and by fakes. */
export async function makeCopy(ground: Ground, label = ""): Promise<Copy> {
  const { config, stateDir, clock, signal, runDir } = ground;
  const cycle = `${ground.cycle}${label}`;
  const maker = fakeMaker({ masterKey: loadMasterKey(stateDir), cycle, clock });
  const declaration = fileNamedBy(config.target.declaredBy, config.stack);
  const include = [...config.stack.include, ...(declaration === undefined ? [] : [declaration])];
  const clone = await cloneStack(
    { ...config.stack, include },
    {
      out: join(runDir, `clone${label}`),
      fakes: maker,
      cycle,
      signal,
      fileBytesMax: config.limits.fileMiBMax * 1024 * 1024,
    },
  );
  const drillFake = maker.fakeFor("", "github-token", { cycle, file: "drill" });
  const sentinelFake = maker.fakeFor("", "github-token", { cycle, file: "sentinel" });
  const fakes = maker.all();
  rememberFakes(stateDir, fakes);
  return {
    ...clone,
    fakes,
    drillFake,
    sentinelFake,
    [Symbol.asyncDispose]: () => rm(clone.root, { recursive: true, force: true }),
  };
}
