import { posix } from "node:path";
import { parseDocument } from "yaml";
import { messageOf, OperatorError } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import { field } from "../formats.ts";
import type { StackReader } from "../reader.ts";
import { isTable } from "./directives.ts";
import { unusable } from "./parsed.ts";

/** A compose file as it stands, and what in it our reader does not follow. */
export type ComposeFile = { file: string; content: object; warnings: string[] };

const HINT = "correct the file, or name another with target.declaredBy";

/** In the order in which docker compose looks, each with what it then adds by itself. */
export const COMPOSE_NAMES = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDE_NAMES = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];

/** The file, and the override file beside it that docker compose reads with one of a usual name. */
export async function withOverride(reader: StackReader, file: string): Promise<string[]> {
  if (!COMPOSE_NAMES.includes(posix.basename(file))) return [file];
  for (const name of OVERRIDE_NAMES) {
    const beside = posix.join(posix.dirname(file), name);
    const isThere = (await reader.text(beside)) !== undefined || reader.problems.some((p) => p.file === beside);
    if (isThere) return [file, beside];
  }
  return [file];
}

/** Throws OperatorError when it is not there, no YAML, or no compose file. */
export async function parseCompose(reader: StackReader, file: string): Promise<ComposeFile> {
  const text = await reader.text(file);
  if (text === undefined) throw unusable(reader, file, "is not there");
  const document = parsedYaml(file, text);
  const [error] = document.errors;
  if (error !== undefined) {
    const line = text.slice(0, error.pos[0]).split("\n").length;
    throw new OperatorError(`${file}:${line}: not YAML: ${oneLine(error.message, 200)}`, HINT);
  }
  const content = unfolded(file, () => document.toJS({ maxAliasCount: 100 }) as unknown);
  if (!isTable(content) || !isTable(field(content, "services")))
    throw new OperatorError(`${file}: holds no services, so it is no compose file`, HINT);
  return {
    file,
    content: content as object,
    warnings: document.warnings.map(({ message }) => oneLine(message, 150)),
  };
}

function parsedYaml(file: string, text: string): ReturnType<typeof parseDocument> {
  return unfolded(file, () => parseDocument(text.replace(/^\ufeff/, ""), { prettyErrors: false, merge: true }));
}

/** Aliases that unfold for ever and nests that go too deep are a person's to put right, and no bug of ours. */
function unfolded<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (thrown) {
    const isTooMuch = thrown instanceof ReferenceError || thrown instanceof RangeError;
    const isMerge = thrown instanceof Error && /merge/i.test(thrown.message);
    if (!isTooMuch && !isMerge) throw thrown;
    throw new OperatorError(`${file}: cannot be unfolded: ${oneLine(messageOf(thrown), 150)}`, HINT, {
      cause: thrown,
    });
  }
}

export function serviceNames(content: object): string[] {
  const services = field(content, "services");
  return isTable(services) ? Object.keys(services as object) : [];
}
