import { posix } from "node:path";
import { OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { applyDirective, type Draft } from "./declared/apply.ts";
import { capabilitiesLeft } from "./declared/capabilities.ts";
import { directivesOf, topText } from "./declared/directives.ts";
import { userOf, userOfDockerfile } from "./declared/user.ts";
import { expand } from "./declared/variables.ts";
import { field, textOf } from "./formats.ts";
import { openStack, type Roots, type StackReader } from "./reader.ts";
import type { Declared } from "./stack.ts";

/**
 * How the stack says that its agent is confined, read from a devcontainer.json (containers.dev/implementors/json_reference).
 * Called on a clone it gives the fakes that stand there; called on the real stack, `env` holds real values: never log it.
 * What cannot be repeated without the image, a registry or the host's own resources is in `unrepeatable`, never left out.
 */
export async function readDeclared(
  roots: Roots,
  /** `auto` looks where the specification says; `none` means unconfined; else an absolute path, or `workspace/…`. */
  declaredBy: string,
  /** The real stack's paths when `roots` is a clone: what the file's own paths are understood by. */
  original: Roots = roots,
): Promise<Declared> {
  const reader = openStack(roots);
  const chosen = declaredBy === "none" ? undefined : await choose(reader, declaredBy, [roots, original]);
  return chosen === undefined ? unconfined(original) : await read(reader, chosen.file, chosen.others, original);
}

/** No container: the agent's commands run as its user, in the home and the workspace, with the machine's network. */
function unconfined(original: Roots): Declared {
  const declaredAt = "nothing declared";
  return {
    kind: "none",
    declaredAt,
    workspacePath: original.workspace,
    homePath: original.home,
    user: { name: "user", uid: 1000, gid: 1000 },
    network: "has-network",
    capabilities: [],
    noNewPrivileges: false,
    seccomp: "none",
    readOnlyRoot: false,
    resources: [
      { kind: "home-directory", source: "home", path: original.home, mode: "rw", logical: "home", declaredAt },
      {
        kind: "workspace",
        source: "workspace",
        path: original.workspace,
        mode: "rw",
        logical: "workspace",
        declaredAt,
      },
    ],
    env: {},
    unrepeatable: [],
  };
}

async function read(reader: StackReader, file: string, others: string[], original: Roots): Promise<Declared> {
  const content = await parsed(reader, file);
  const name = posix.basename(original.workspace);
  const written = topText(content, "workspaceFolder") ?? `/workspaces/${name}`;
  const folder = expand(written, { original, workspacePath: `/workspaces/${name}` });
  const workspacePath = folder.status === "known" ? posix.normalize(folder.text) : `/workspaces/${name}`;
  const draft: Draft = {
    file,
    meaning: { original, workspacePath },
    added: [],
    dropped: [],
    isPrivileged: false,
    isUnfiltered: false,
    noNewPrivileges: false,
    readOnlyRoot: false,
    network: "has-network",
    flagUser: undefined,
    env: {},
    resources: [],
    unrepeatable: others.map((other) => ({
      what: other,
      why: `one container is studied at a time, and ${file} comes first`,
    })),
  };
  const workspaceMount = field(content, "workspaceMount");
  if (workspaceMount === undefined && field(content, "dockerComposeFile") === undefined) {
    draft.resources.push({
      kind: "workspace",
      source: "${localWorkspaceFolder}",
      path: workspacePath,
      mode: "rw",
      logical: "workspace",
      declaredAt: `${file}#/workspaceFolder`,
    });
  }
  for (const directive of directivesOf(content)) applyDirective(draft, directive);
  const { user, homePath, guess } = userOf(await writtenUser(reader, file, content, draft.flagUser));
  if (guess !== undefined) draft.unrepeatable.push({ what: "user", why: guess });
  if (folder.status === "unknown")
    draft.unrepeatable.push({ what: "workspaceFolder", why: `${folder.variable} is unknown here` });
  return {
    kind: "devcontainer",
    declaredAt: file,
    workspacePath,
    homePath,
    user,
    network: draft.network,
    capabilities: capabilitiesLeft(
      draft.isPrivileged ? ["ALL"] : draft.added,
      draft.isPrivileged ? [] : draft.dropped,
    ),
    noNewPrivileges: draft.noNewPrivileges,
    seccomp: draft.isPrivileged || draft.isUnfiltered ? "none" : "default",
    readOnlyRoot: draft.readOnlyRoot,
    resources: draft.resources,
    env: draft.env,
    unrepeatable: draft.unrepeatable,
  };
}

/** The user that the agent's terminal has: remoteUser, else the container's, else the image's as far as a Dockerfile tells. */
async function writtenUser(reader: StackReader, file: string, content: unknown, flagUser: string | undefined) {
  const declared = topText(content, "remoteUser") ?? topText(content, "containerUser") ?? flagUser;
  if (declared !== undefined) return declared;
  const dockerfile = textOf(field(content, "build", "dockerfile")) ?? topText(content, "dockerFile");
  if (dockerfile === undefined) return undefined;
  const path = posix.join(posix.dirname(file), dockerfile);
  const text = path.startsWith("workspace/") ? await reader.text(path) : undefined;
  return text === undefined ? undefined : userOfDockerfile(text);
}

/** A sandbox that is declared in a file we cannot read must not be studied as if nothing were declared. */
async function parsed(reader: StackReader, file: string): Promise<unknown> {
  const content = await reader.json(file);
  if (typeof content === "object" && content !== null && !Array.isArray(content)) return content;
  const problem = reader.problems.find((p) => p.file === file);
  const line = problem?.line === null || problem === undefined ? "" : `:${problem.line}`;
  throw new OperatorError(
    `${file}${line}: ${problem?.message ?? "holds no devcontainer declaration"}`,
    "correct the file, or name another with target.declaredBy",
  );
}

async function choose(
  reader: StackReader,
  declaredBy: string,
  known: readonly Roots[],
): Promise<{ file: string; others: string[] } | undefined> {
  if (declaredBy !== "auto") return { file: logicalOf(declaredBy, known), others: [] };
  const named = (await reader.list("workspace/.devcontainer"))
    .filter((entry) => entry.isDirectory)
    .map((entry) => `workspace/.devcontainer/${entry.name}/devcontainer.json`);
  const there: string[] = [];
  for (const file of ["workspace/.devcontainer/devcontainer.json", "workspace/.devcontainer.json", ...named]) {
    const isThere = (await reader.text(file)) !== undefined || reader.problems.some((p) => p.file === file);
    if (isThere) there.push(file);
  }
  const [file, ...others] = there;
  return file === undefined ? undefined : { file, others };
}

function logicalOf(declaredBy: string, known: readonly Roots[]): string {
  if (declaredBy.startsWith("workspace/") && !declaredBy.split("/").includes("..")) return declaredBy;
  for (const { workspace } of known) {
    if (declaredBy.startsWith(`${workspace}/`)) return `workspace${declaredBy.slice(workspace.length)}`;
  }
  throw new OperatorError(
    `${oneLine(declaredBy, 200)}: a sandbox is declared inside the workspace`,
    "name a devcontainer.json below the workspace as target.declaredBy, or none",
  );
}
