import type { Roots } from "../reader.ts";
import type { Declared } from "../stack.ts";
import { applyDirective } from "./apply.ts";
import type { Command } from "./commandFile.ts";
import { type Draft, finishContainer, newDraft, type Source, workspaceIn } from "./draft.ts";
import { readFlag } from "./flags.ts";
import { expandMarked, unmarked } from "./variables.ts";

/** The arguments of `docker run` or `podman run` (docs.docker.com/reference/cli/docker/container/run). Started in the workspace. */
export function readDockerRun(command: Command, file: string, original: Roots): Declared {
  const draft = newDraft();
  const from: Source = { file, base: original.workspace, original, expand: expandMarked };
  const flags = applyFlags(draft, from, command);
  const [image, ...rest] = command.words.slice(flags);
  if (image !== undefined) {
    draft.unrepeatable.push({ what: `image ${unmarked(image)}`, why: "an image of ours takes its place" });
  }
  if (rest.length > 0)
    draft.unrepeatable.push({
      what: "command",
      why: "what it runs is not run here: our own first process takes its place",
    });
  return finishContainer(draft, {
    kind: "docker-run",
    declaredAt: `${file}:${command.line}`,
    workspacePath: workspaceIn(draft, original),
    user: draft.user,
  });
}

/** The index of the first word that is no flag: the image. */
function applyFlags(draft: Draft, from: Source, { words, line }: Command): number {
  let i = 0;
  while (i < words.length) {
    if (words[i] === "--") return i + 1;
    const read = readFlag(words, i, `L${line}`);
    if (read === undefined) {
      if (!(words[i] ?? "").startsWith("-") || words[i] === "-") return i;
      draft.unrepeatable.push({
        what: unmarked(words[i] ?? "").slice(0, 40),
        why: "no flag that is known here",
        unread: "anything",
      });
      i++;
      continue;
    }
    for (const directive of read.directives) applyDirective(draft, from, directive);
    i = read.next;
  }
  return i;
}
