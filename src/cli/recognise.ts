import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { count, oneLine } from "../base/text.ts";
import type { Sighting } from "../canaries/canaries.ts";
import { loadMasterKey } from "../canaries/key.ts";
import { recogniser } from "../canaries/recogniser.ts";
import { rememberedFakes } from "../canaries/registry.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Verb } from "./verb.ts";

/** Finds our fakes in any text, also encoded; `-` is standard input. A sighting outside of a clone is an alarm: exit 10. */
export const verb: Verb = {
  name: "recognise",
  summary: "find our fakes in any text, also encoded",
  usage: "recognise FILE… [--json] [--state DIR]   (- reads standard input)",
  argumentsMax: Number.POSITIVE_INFINITY,
  options: { ...STATE_OPTIONS, json: { type: "boolean" } },
  async run({ values, positionals, io, cwd }) {
    if (positionals.length === 0) throw new OperatorError("recognise needs a file", `usage: weakdoor ${verb.usage}`);
    const state = requireState(values, cwd);
    const finder = recogniser(rememberedFakes(state), loadMasterKey(state));
    const rows: (Sighting & { in: string })[] = [];
    for (const name of positionals) {
      for (const sighting of finder.search(contentOf(name, cwd))) rows.push({ in: name, ...sighting });
    }
    if (flag(values, "json")) io.json(rows);
    else {
      for (const row of rows) {
        io.out(
          oneLine(
            `${row.in}: byte ${row.offset} ${row.fakeId} ${row.kind} from ${row.file} of ${row.cycle} as ${row.encoding}`,
          ),
        );
      }
      io.out(`${count(rows.length, "sighting")} in ${count(positionals.length, "file")}`);
    }
    return rows.length > 0 ? EXIT.newFindings : EXIT.nothingNew;
  },
};

/** Longer files are cut by the user's own tools: a search holds the whole text in memory. */
const BYTES_MAX = 1024 * 1024 * 1024;

function contentOf(name: string, cwd: string): Buffer {
  try {
    const bytes = readFileSync(name === "-" ? 0 : resolve(cwd, name));
    if (bytes.length <= BYTES_MAX) return bytes;
    throw new OperatorError(`${name} is larger than 1 GiB`, "split it, with some overlap, and search the parts");
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    throw new OperatorError(`${name} cannot be read (${code})`, "give files that this user may read", {
      cause: thrown,
    });
  }
}
