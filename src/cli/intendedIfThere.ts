import { resolve } from "node:path";
import { OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { INTENDED_NAME } from "../config/name.ts";
import { type IntendedFile, loadIntended, NOTHING_INTENDED } from "../probe/intended.ts";
import { text, type VerbInput } from "./verb.ts";

/** What `--intended` names, else the file of that name here; nothing is intended where there is none. */
export async function intendedIfThere(values: VerbInput["values"], cwd: string): Promise<IntendedFile> {
  const named = text(values, "intended");
  const found = await loadIntended(resolve(cwd, named ?? INTENDED_NAME));
  if (found === undefined && named !== undefined)
    throw new OperatorError(`${oneLine(named, 200)} is not there`, "weakdoor probe --propose FILE drafts one");
  return found ?? NOTHING_INTENDED;
}
