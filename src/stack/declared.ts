import { OperatorError } from "../base/errors.ts";
import { type Candidate, candidatesIn, namedBy } from "./declared/choose.ts";
import { claudeSandbox, srtSettings } from "./declared/claudeSandbox.ts";
import { readCommandFile } from "./declared/commandLine.ts";
import { readCompose } from "./declared/compose.ts";
import { readDevcontainer } from "./declared/devcontainer.ts";
import { readSrt } from "./declared/srt.ts";
import { openStack, type Roots, type StackReader } from "./reader.ts";
import type { Declared } from "./stack.ts";

/**
 * How the stack says that its agent is confined: a devcontainer.json, a service of a compose file, a command line of `docker run`
 * or of bwrap, settings of srt or of Claude Code's sandbox, or nothing. Each form has a file of its own in `declared/`.
 *
 * Called on a clone it gives the fakes that stand there; called on the real stack, `env` holds real values: never log it.
 * Everything that is declared ends in an effect or in `unrepeatable`; nothing of it is left out.
 */
export async function readDeclared(
  roots: Roots,
  /** `auto` looks where people keep them; `none` means unconfined; else a path, and `#` with the service or the number meant. */
  declaredBy: string,
  /** The real stack's paths when `roots` is a clone: what the file's own paths are understood by. */
  original: Roots = roots,
): Promise<Declared> {
  if (declaredBy === "none") return unconfined(original, []);
  const reader = openStack(roots);
  if (declaredBy !== "auto") return await readNamed(reader, declaredBy, [roots, original], original);
  const candidates = await candidatesIn(reader, original);
  const [first, ...others] = candidates.filter(({ isAgents }) => isAgents);
  if (first === undefined) return unconfined(original, candidates);
  const declared = await readNamed(reader, first.name, [roots, original], original);
  declared.unrepeatable.unshift(
    ...others.map(({ name }) => ({
      what: name,
      why: `one sandbox is studied at a time, and ${first.name} comes first`,
    })),
  );
  return declared;
}

/** What `auto` would choose from, best first: for whoever writes a configuration. */
export async function declarationsOf(roots: Roots): Promise<Candidate[]> {
  return await candidatesIn(openStack(roots), roots);
}

async function readNamed(
  reader: StackReader,
  declaredBy: string,
  known: readonly Roots[],
  original: Roots,
): Promise<Declared> {
  const { file, part, form } = await namedBy(reader, declaredBy, known);
  switch (form) {
    case "devcontainer":
      return await readDevcontainer(reader, file, original);
    case "compose":
      return await readCompose(reader, { file, service: part }, original);
    case "command":
      return await readCommandFile(reader, { file, part }, original);
    case "srt":
      return readSrt(await srtSettings(reader, file), original);
    case "claude": {
      const settings = await claudeSandbox(reader);
      if (settings !== undefined) return readSrt(settings, original);
      throw new OperatorError(
        `${file}: Claude Code's sandbox is not switched on by it`,
        "set sandbox.enabled in it, or name what confines the agent with target.declaredBy",
      );
    }
  }
}

/** No container: the agent's commands run as its user, in the home and the workspace, with the machine's network. */
function unconfined(original: Roots, seen: readonly Candidate[]): Declared {
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
    loosened: [],
    isMachineRoot: true,
    limits: {},
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
    unrepeatable: seen.map(({ name, why }) => ({ what: `${name} is not taken for the agent's`, why })),
  };
}
