import type { Node } from "jsonc-parser";
import type { Edit } from "./edit.ts";
import { planOf, readText, type Text } from "./files.ts";
import { treeOf } from "./jsonc.ts";
import { notApplicable, type Plan, type StackFiles } from "./mitigation.ts";

/** Where the specification lets a devcontainer.json lie, but for the folders of several named ones. */
const PLACES = [".devcontainer/devcontainer.json", ".devcontainer.json"];

/** Asks each devcontainer.json of the clone for its edits; a file that is not there or cannot be read is passed over with its reason. */
export async function planDevcontainer(
  clone: StackFiles,
  editsOf: (text: string, tree: Node) => Edit[],
  whenNone: string,
): Promise<Plan> {
  const edited: { file: Text & { status: "read" }; edits: Edit[] }[] = [];
  const reasons: string[] = [];
  for (const place of PLACES) {
    const file = await readText(clone, "workspace", place);
    if (file.status === "unfit") {
      reasons.push(file.reason);
      continue;
    }
    const tree = treeOf(file.text);
    if (tree === undefined) reasons.push(`workspace/${place} is not JSON with comments`);
    else edited.push({ file, edits: editsOf(file.text, tree) });
  }
  if (edited.length === 0) return notApplicable(reasons.join("; "));
  if (edited.every(({ edits }) => edits.length === 0)) return notApplicable(whenNone);
  return planOf(edited);
}

/** Paths inside the sandbox that a finding's evidence names: the instances of its observations. */
export function instancesOf(evidence: readonly { observation: string }[]): string[] {
  return evidence.map(({ observation }) => observation.slice(observation.indexOf(":") + 1));
}
