import { posix } from "node:path";
import { parseEnv } from "node:util";
import { OperatorError } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import { entries, field, pointer, textOf } from "../formats.ts";
import type { Roots, StackReader } from "../reader.ts";
import type { Declared } from "../stack.ts";
import { applyDirective } from "./apply.ts";
import { directivesOfService, environmentOf } from "./composeDirectives.ts";
import { parseCompose, serviceNames, withOverride } from "./composeFile.ts";
import { listOf } from "./composeMerge.ts";
import { hostOf, inWorkspace, loadService, noService, type Service } from "./composeService.ts";
import { type Draft, finishContainer, newDraft, type Source, workspaceIn } from "./draft.ts";
import { userOfImage } from "./user.ts";
import { expandMarked } from "./variables.ts";

/** A service of a compose file (docs.docker.com/reference/compose-file), with its override file, its `.env` and what it extends. */
export async function readCompose(
  reader: StackReader,
  { file, service }: { file: string; service: string | undefined },
  original: Roots,
): Promise<Declared> {
  const draft = newDraft();
  const files = await withOverride(reader, file);
  const name = service ?? (await onlyService(reader, files));
  const dockerfile = await addService(draft, reader, { files, service: name, namedBy: file, original });
  return finishContainer(draft, {
    kind: "compose",
    declaredAt: `${file}#${name}`,
    workspacePath: workspaceIn(draft, original),
    user: draft.user ?? (await userOfImage(reader, dockerfile)),
  });
}

async function onlyService(reader: StackReader, files: readonly string[]): Promise<string> {
  const names = new Set<string>();
  for (const file of files)
    for (const name of serviceNames((await parseCompose(reader, file)).content)) names.add(name);
  const [only, ...others] = names;
  if (only === undefined || others.length > 0) throw noService(files[0] ?? "", undefined, [...names]);
  return only;
}

/** Takes a service into the draft and gives the Dockerfile that it is built from. */
export async function addService(
  draft: Draft,
  reader: StackReader,
  wanted: { files: readonly string[]; service: string | undefined; namedBy: string; original: Roots },
): Promise<string | undefined> {
  const { files, service: name, namedBy, original } = wanted;
  if (name === undefined) throw new OperatorError(`${namedBy}: names no service`, `name one as "service"`);
  const service = await loadService(reader, { files, name, original });
  draft.unrepeatable.push(...service.notFollowed);
  const base = hostOf(posix.dirname(service.file), original);
  const from: Source = { file: service.file, base, original, expand: expandMarked };
  await addEnvFiles(draft, reader, service, from);
  for (const directive of directivesOfService(service)) applyDirective(draft, from, directive);
  return dockerfileOf(service);
}

/** `dockerComposeFile` of a devcontainer.json, one or several, as logical names. */
export function composeFilesOf(value: unknown, devcontainer: string): string[] {
  const files = listOf(value).map((file) => {
    const text = textOf(file);
    if (text !== undefined) return inWorkspace(posix.dirname(devcontainer), text);
    throw new OperatorError(`${devcontainer}: dockerComposeFile is no path`, "name a file, or a list of files");
  });
  if (files.length > 0) return files;
  throw new OperatorError(`${devcontainer}: dockerComposeFile names no file`, "name a file, or a list of files");
}

/** Files of variables are read where the clone has them; any other is the host's and said. */
async function addEnvFiles(draft: Draft, reader: StackReader, service: Service, from: Source): Promise<void> {
  const place = pointer("services", service.name, "env_file");
  for (const entry of listOf(field(service.content, "env_file") ?? [])) {
    const path = textOf(entry) ?? textOf(field(entry, "path"));
    const isInside = path !== undefined && /^(workspace|home)\//.test(path) && !path.split("/").includes("..");
    const text = isInside ? await reader.text(path) : undefined;
    if (text === undefined) {
      const what = `env_file ${oneLine(path ?? typeof entry, 100)}`;
      draft.unrepeatable.push({ what, why: "not in the clone: what it sets is not known" });
      continue;
    }
    for (const [name, value] of entries(parseEnv(text)))
      applyDirective(draft, from, environmentOf(name, value, { key: "env_file", place }));
  }
}

function dockerfileOf({ file, content }: Service): string | undefined {
  const build = field(content, "build");
  if (build === undefined) return undefined;
  const context = textOf(build) ?? textOf(field(build, "context")) ?? ".";
  if (context.startsWith("/")) return undefined;
  return posix.join(posix.dirname(file), context, textOf(field(build, "dockerfile")) ?? "Dockerfile");
}
