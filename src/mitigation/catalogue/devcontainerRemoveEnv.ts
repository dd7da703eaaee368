import type { Node } from "jsonc-parser";
import { instancesOf, planDevcontainer } from "../devcontainer.ts";
import type { Edit } from "../edit.ts";
import { endOf, propertyOf, valueOf } from "../jsonc.ts";
import type { Mitigation } from "../mitigation.ts";

/**
 * Takes a variable out of the sandbox's environment by making its line in devcontainer.json a comment. The line is not
 * removed, because a script that removes it would have to hold the value: the fake one, which would not fit the real
 * file, and which its undo would write there. Undone by making the comment a line again.
 */
export const devcontainerRemoveEnv: Mitigation = {
  id: "devcontainer.remove-env",
  title: "Comment the secret's variable out of devcontainer.json",
  effects: [
    "takes effect when the devcontainer is built anew",
    "programs inside that read the variable must get the secret another way",
    "the value still stands in the file, as a comment: replace it at its issuer and then delete the line",
  ],
  plan: (clone, finding) => {
    const names = instancesOf(finding.evidence);
    return planDevcontainer(
      clone,
      (text, tree) =>
        ["containerEnv", "remoteEnv"].flatMap((section) =>
          names.flatMap((name) => {
            const property = propertyOf(valueOf(tree, section), name);
            return property === undefined ? [] : commentOut(text, property, name);
          }),
        ),
      "devcontainer.json sets none of these variables on a line of its own",
    );
  },
};

/** Everything up to the value is replaced, so that the value is no part of the change. Only for a line of its own. */
function commentOut(text: string, property: Node, name: string): Edit[] {
  const value = property.children?.[1];
  if (value === undefined) return [];
  const lineStart = text.lastIndexOf("\n", property.offset - 1) + 1;
  const newline = text.indexOf("\n", endOf(property));
  const isOwnLine =
    newline >= 0 &&
    text.slice(lineStart, property.offset).trim() === "" &&
    !text.slice(property.offset, endOf(property)).includes("\n") &&
    /^\s*,?\s*(\/\/.*)?$/.test(text.slice(endOf(property), newline));
  return isOwnLine ? [{ start: property.offset, end: value.offset, text: `// not set: ${name} = ` }] : [];
}
