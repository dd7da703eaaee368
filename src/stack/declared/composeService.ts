import { posix } from "node:path";
import { parseEnv } from "node:util";
import { OperatorError } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import { entries, field, textOf } from "../formats.ts";
import type { Roots, StackReader } from "../reader.ts";
import type { Unrepeatable } from "../stack.ts";
import { type ComposeFile, parseCompose, serviceNames } from "./composeFile.ts";
import { interpolateAll, mergeLayers } from "./composeMerge.ts";
import { isTable } from "./directives.ts";
import type { Lookup } from "./interpolate.ts";
import { conventional } from "./variables.ts";

/** A service with everything it inherits, its variables put in and its paths absolute. */
export type Service = {
  name: string;
  /** The first file: its directory is the project's. */
  file: string;
  content: object;
  /** Top-level `volumes`, `secrets`, `configs`, `networks`, by name. */
  top: Record<"volumes" | "secrets" | "configs" | "networks", unknown>;
  /** Said in the files and not followed by us. */
  notFollowed: Unrepeatable[];
};

const DEPTH_MAX = 16;

export async function loadService(
  reader: StackReader,
  wanted: { files: readonly string[]; name: string; original: Roots },
): Promise<Service> {
  const [file = ""] = wanted.files;
  const parsed: ComposeFile[] = [];
  for (const each of wanted.files) parsed.push(await parseCompose(reader, each));
  const notFollowed = parsed.flatMap((each) => notFollowedIn(each));
  const lookup = await lookupOf(reader, posix.dirname(file), wanted.original, notFollowed);
  const layers = layersIn({ reader, lookup, original: wanted.original, base: posix.dirname(file) });
  let content: unknown;
  for (const each of parsed) {
    if (!serviceNames(each.content).includes(wanted.name)) continue;
    content = mergeLayers(content, await layers(each, wanted.name, []));
  }
  if (!isTable(content))
    throw noService(
      file,
      wanted.name,
      parsed.flatMap((each) => serviceNames(each.content)),
    );
  const top = (key: string): unknown =>
    parsed
      .map((each) => interpolateAll(each.file, field(each.content, key), lookup))
      .reduce((under, over) => mergeLayers(under, over));
  return {
    name: wanted.name,
    file,
    content: content as object,
    top: { volumes: top("volumes"), secrets: top("secrets"), configs: top("configs"), networks: top("networks") },
    notFollowed,
  };
}

export function noService(file: string, wanted: string | undefined, names: readonly string[]): OperatorError {
  const known = oneLine([...new Set(names)].join(", "), 200);
  const said =
    wanted === undefined ? "which service is the agent's is not said" : `no service ${oneLine(wanted, 60)}`;
  return new OperatorError(
    `${file}: ${said}; its services: ${known === "" ? "none" : known}`,
    `name one with target.declaredBy: ${posix.basename(file)}#SERVICE`,
  );
}

type Layers = (file: ComposeFile, name: string, within: readonly string[]) => Promise<unknown>;

function layersIn(context: { reader: StackReader; lookup: Lookup; original: Roots; base: string }): Layers {
  const { reader, lookup, original } = context;
  const layer = async (
    file: ComposeFile,
    name: string,
    within: readonly string[],
    base: string,
  ): Promise<unknown> => {
    const id = `${file.file}#${name}`;
    if (within.includes(id) || within.length > DEPTH_MAX)
      throw new OperatorError(`${file.file}: service ${oneLine(name, 60)} extends itself`, "correct the file");
    const written = field(file.content, "services", name);
    if (!isTable(written)) throw noService(file.file, name, serviceNames(file.content));
    const own = absolute(interpolateAll(file.file, written, lookup), hostOf(base, original), base);
    const parent = field(own, "extends");
    if (parent === undefined || parent === null) return own;
    const parentName = textOf(parent) ?? textOf(field(parent, "service")) ?? name;
    const other = textOf(field(parent, "file"));
    const from = other === undefined ? file : await parseCompose(reader, inWorkspace(base, other));
    const parentBase = other === undefined ? base : posix.dirname(from.file);
    const under = await layer(from, parentName, [...within, id], parentBase);
    return mergeLayers(under, Object.fromEntries(entries(own).filter(([key]) => key !== "extends")));
  };
  return (file, name, within) => layer(file, name, within, context.base);
}

/** A path of a compose file as a logical name. Throws OperatorError when it leads out of the workspace. */
export function inWorkspace(directory: string, written: string): string {
  const path = posix.join(directory, written);
  if (!written.startsWith("/") && path.startsWith("workspace/")) return path;
  throw new OperatorError(
    `${oneLine(written, 150)}: a sandbox is declared inside the workspace`,
    "put the file into the workspace, or name another declaration with target.declaredBy",
  );
}

/** `workspace/deploy` as the real stack knows it. */
export function hostOf(directory: string, original: Roots): string {
  return posix.join(original.workspace, directory.slice("workspace".length));
}

/** Relative sources made absolute by the directory of the file that says them, and files of variables made logical. */
function absolute(service: unknown, host: string, directory: string): unknown {
  const source = (text: string): string => text.replace(/^\.{1,2}(?=\/|:|$)/, (dots) => posix.join(host, dots));
  const volumes = field(service, "volumes");
  const files = field(service, "env_file");
  const logical = (path: unknown): unknown =>
    typeof path === "string" && !path.startsWith("/") ? posix.join(directory, path) : path;
  return {
    ...(service as object),
    ...(Array.isArray(volumes)
      ? {
          volumes: volumes.map((volume: unknown) => {
            if (typeof volume === "string") return source(volume);
            const from = textOf(field(volume, "source"));
            return from === undefined ? volume : { ...(volume as object), source: source(from) };
          }),
        }
      : {}),
    ...(files === undefined
      ? {}
      : {
          env_file: (Array.isArray(files) ? files : [files]).map((entry: unknown) =>
            isTable(entry) ? { ...(entry as object), path: logical(field(entry, "path")) } : logical(entry),
          ),
        }),
  };
}

/** The project's `.env`; of the host's own environment only what is convention. */
async function lookupOf(
  reader: StackReader,
  directory: string,
  original: Roots,
  notFollowed: Service["notFollowed"],
): Promise<Lookup> {
  const text = await reader.text(`${directory}/.env`);
  const values = new Map(Object.entries(text === undefined ? {} : parseEnv(text)));
  if (values.has("COMPOSE_FILE"))
    notFollowed.push({ what: "COMPOSE_FILE", why: "files that only .env names are not read", unread: "anything" });
  for (const { file, message } of reader.problems)
    if (file === `${directory}/.env`) notFollowed.push({ what: file, why: message });
  const pwd = hostOf(directory, original);
  return (name) => values.get(name) ?? conventional(name, { original, pwd });
}

function notFollowedIn({ file, content, warnings }: ComposeFile): Service["notFollowed"] {
  const rows: Unrepeatable[] = warnings.map((why) => ({ what: file, why, unread: "anything" }));
  if (field(content, "include") !== undefined)
    rows.push({ what: `${file}#/include`, why: "files that it includes are not read" });
  return rows;
}
