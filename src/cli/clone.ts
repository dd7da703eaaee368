import { resolve } from "node:path";
import { systemClock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import { newCycleId } from "../base/ids.ts";
import { count, oneLine } from "../base/text.ts";
import { fakeMaker } from "../canaries/fakes.ts";
import { loadMasterKey } from "../canaries/key.ts";
import { rememberFakes } from "../canaries/registry.ts";
import { cloneWorkspace } from "../stack/clone.ts";
import type { Clone } from "../stack/stack.ts";
import { makeState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Io, text, type Verb } from "./verb.ts";

/** Prints what was replaced: file, place, kind and how it was found; never a value. */
export const verb: Verb = {
  name: "clone",
  summary: "copy one directory with every credential replaced by a fake",
  usage: "clone DIR --out DIR [--json] [--state DIR]",
  argumentsMax: 1,
  options: { ...STATE_OPTIONS, out: { type: "string" }, json: { type: "boolean" } },
  async run({ values, positionals, io, cwd, signal }) {
    const [directory, ...others] = positionals;
    const out = text(values, "out");
    if (directory === undefined || others.length > 0 || out === undefined) {
      throw new OperatorError("clone needs one directory and --out", `usage: weakdoor ${verb.usage}`);
    }
    const state = makeState(values, cwd);
    const cycle = newCycleId(systemClock);
    const fakes = fakeMaker({ masterKey: loadMasterKey(state), cycle, clock: systemClock });
    const clone = await cloneWorkspace(resolve(cwd, directory), { out: resolve(cwd, out), fakes, cycle, signal });
    rememberFakes(state, fakes.all());
    if (flag(values, "json")) io.json(clone);
    else show(clone, io);
    return EXIT.nothingNew;
  },
};

function show(clone: Clone, io: Io): void {
  for (const { file, place, kind, by } of clone.replaced)
    io.out(oneLine(`replaced ${file} ${place} ${kind} by ${by}`));
  for (const { file, reason } of clone.skipped) io.out(oneLine(`skipped ${file}: ${reason}`));
  const { files, bytes, values, encodings } = clone.proof;
  io.out(`${count(clone.replaced.length, "replacement")} in ${oneLine(clone.root)}`);
  io.out(
    `proved clean: ${count(files, "file")}, ${count(bytes, "byte")}, ${count(values, "value")} looked for in ${count(encodings, "encoding")}`,
  );
}
