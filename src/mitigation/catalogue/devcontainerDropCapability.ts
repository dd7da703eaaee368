import type { Node } from "jsonc-parser";
import { instancesOf, planDevcontainer } from "../devcontainer.ts";
import { removals, stringOf, valueOf } from "../jsonc.ts";
import type { Mitigation } from "../mitigation.ts";

/**
 * Takes an added capability out of devcontainer.json, from `capAdd` and from `runArgs`. Undone by putting the same
 * text back in the same place. `--privileged` is more than a capability and is left to people.
 */
export const devcontainerDropCapability: Mitigation = {
  id: "devcontainer.drop-capability",
  title: "Take the added capability out of devcontainer.json",
  effects: [
    "takes effect when the devcontainer is built anew",
    "tools that need the capability inside stop working, for example debuggers, tracers or mounts",
  ],
  plan: (clone, finding) => {
    const names = new Set(instancesOf(finding.evidence).flatMap(capabilitiesIn));
    return planDevcontainer(
      clone,
      (text, tree) => {
        const capAdd = valueOf(tree, "capAdd");
        const runArgs = valueOf(tree, "runArgs");
        const added = (capAdd?.children ?? []).filter((node) => names.has(bare(stringOf(node) ?? "")));
        const run = capAddOptions(runArgs?.children ?? [], names);
        return [
          ...(capAdd !== undefined && added.length > 0 ? removals(text, capAdd, new Set(added)) : []),
          ...(runArgs !== undefined && run.length > 0 ? removals(text, runArgs, new Set(run)) : []),
        ];
      },
      "devcontainer.json adds none of these capabilities by name",
    );
  },
};

/** `--cap-add=X` as one word or as two. */
function capAddOptions(nodes: readonly Node[], names: ReadonlySet<string>): Node[] {
  return nodes.flatMap((node, i) => {
    const [, value] = /^--cap-add(?:=(.*))?$/s.exec(stringOf(node) ?? "--") ?? [];
    const isOption = stringOf(node)?.startsWith("--cap-add") ?? false;
    if (!isOption) return [];
    if (value !== undefined) return names.has(bare(value)) ? [node] : [];
    const next = nodes[i + 1];
    return next !== undefined && names.has(bare(stringOf(next) ?? "")) ? [node, next] : [];
  });
}

/** An instance is the capability alone, `CAP_SYS_PTRACE`, or the flag that adds it, `cap-add-SYS_PTRACE`. */
function capabilitiesIn(instance: string): string[] {
  const name = /(?:^|cap-add[-=])((?:CAP_)?[A-Z][A-Z_]+)$/.exec(instance)?.[1];
  return name === undefined ? [] : [bare(name)];
}

function bare(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, "");
}
