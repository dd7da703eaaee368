import { posix } from "node:path";
import { field, textOf } from "../formats.ts";
import type { Roots, StackReader } from "../reader.ts";
import type { Declared } from "../stack.ts";
import { applyDirective } from "./apply.ts";
import { addService, composeFilesOf } from "./compose.ts";
import { directivesOf, topText } from "./directives.ts";
import { type Draft, finishContainer, newDraft, type Source, workspaceIn } from "./draft.ts";
import { contentOf } from "./parsed.ts";
import { userOfImage } from "./user.ts";
import { expand } from "./variables.ts";

/** A devcontainer.json (containers.dev/implementors/json_reference), with an image, a build, or a service of a compose file. */
export async function readDevcontainer(reader: StackReader, file: string, original: Roots): Promise<Declared> {
  const content = await contentOf(reader, file, "devcontainer declaration");
  const draft = newDraft();
  const isCompose = field(content, "dockerComposeFile") !== undefined;
  const usual = isCompose ? "/" : `/workspaces/${posix.basename(original.workspace)}`;
  const written = expand(topText(content, "workspaceFolder") ?? usual, { original, workspacePath: usual });
  if (written.status === "unknown")
    draft.unrepeatable.push({ what: "workspaceFolder", why: `${written.variable} is unknown here` });
  const folder = posix.normalize(written.status === "known" ? written.text : usual).replace(/(?<=.)\/$/, "");
  const from: Source = {
    file,
    base: original.workspace,
    original,
    expand: (text) => expand(text, { original, workspacePath: folder }),
  };
  const dockerfile = isCompose
    ? await addComposeService(reader, content, { file, draft, original })
    : dockerfileOf(file, content);
  if (!isCompose && field(content, "workspaceMount") === undefined) {
    draft.resources.push({
      kind: "workspace",
      source: "${localWorkspaceFolder}",
      path: folder,
      mode: "rw",
      logical: "workspace",
      declaredAt: `${file}#/workspaceFolder`,
    });
  }
  for (const directive of directivesOf(content)) {
    if (isCompose && OF_COMPOSE.has(directive.name)) continue;
    // Runs with a service of a compose file are the engine's own: no flag is given to it.
    if (isCompose && directive.place.startsWith("/runArgs")) addRow(draft, directive.place);
    else applyDirective(draft, from, directive);
  }
  const user = topText(content, "remoteUser") ?? topText(content, "containerUser") ?? draft.user;
  return finishContainer(draft, {
    kind: "devcontainer",
    declaredAt: file,
    workspacePath: isCompose ? workspacePathOf(draft, folder, original) : folder,
    user: user ?? (await userOfImage(reader, dockerfile)),
  });
}

const OF_COMPOSE = new Set(["dockerComposeFile", "service", "workspaceMount"]);

function addRow(draft: Draft, place: string): void {
  draft.unrepeatable.push({ what: place.slice(1), why: "an engine that starts a compose service does not read it" });
}

/** The service's own directives; gives the Dockerfile it is built from. */
async function addComposeService(
  reader: StackReader,
  content: unknown,
  { file, draft, original }: { file: string; draft: Draft; original: Roots },
): Promise<string | undefined> {
  const files = composeFilesOf(field(content, "dockerComposeFile"), file);
  const service = topText(content, "service");
  return await addService(draft, reader, { files, service, namedBy: file, original });
}

/** With a compose file the folder may be anywhere; where nothing of it is mounted, the mount that holds the workspace counts. */
function workspacePathOf(draft: Draft, folder: string, original: Roots): string {
  const isInMount = draft.resources.some(
    ({ path, logical }) => logical !== undefined && (folder === path || folder.startsWith(`${path}/`)),
  );
  if (folder !== "/" && isInMount) return folder;
  draft.workdir = folder === "/" ? draft.workdir : folder;
  return workspaceIn(draft, original);
}

function dockerfileOf(file: string, content: unknown): string | undefined {
  const name = textOf(field(content, "build", "dockerfile")) ?? topText(content, "dockerFile");
  return name === undefined ? undefined : posix.join(posix.dirname(file), name);
}
