import type { Node } from "jsonc-parser";
import type { Finding } from "../../findings/finding.ts";
import { instancesOf } from "../devcontainer.ts";
import type { Edit } from "../edit.ts";
import { planOf, readText, type Text } from "../files.ts";
import { stringOf, treeOf, valueOf } from "../jsonc.ts";
import { type FileChange, type Mitigation, notApplicable, type StackFiles } from "../mitigation.ts";
import { type Versions, versionsOf } from "../npmVersions.ts";

/**
 * Writes the exact version behind the package's name in the arguments that start an MCP server. The version is the one
 * the workspace itself names, in its lock file or, exactly, in its package.json; no registry is asked, and where the
 * workspace names none the choice is a person's. Undone by taking the version away again.
 */
export const mcpPinVersion: Mitigation = {
  id: "mcp.pin-version",
  title: "Name the exact version of the MCP server's package",
  effects: [
    "takes effect when the agent is started again",
    "the server no longer updates by itself: its updates, also those that close holes, must be taken on purpose",
  ],
  plan: async (clone, finding) => {
    const servers = (await unpinnedServers(clone)).filter((server) => isNamedBy(finding, server));
    if (servers.length === 0)
      return notApplicable("no unpinned package among the MCP servers that the evidence names");
    const versions = await versionsOf(clone);
    const unknown = servers.find((server) => versions.get(server.package) === undefined);
    if (unknown !== undefined) return notApplicable(`the workspace names no exact version of ${unknown.package}`);
    const files = [...new Set(servers.map((server) => server.file))];
    return planOf(
      files.map((file) => ({ file, edits: servers.filter((s) => s.file === file).map((s) => pin(s, versions)) })),
    );
  },
};

type Server = { file: Text & { status: "read" }; name: string; package: string; node: Node };

/** The files in which the agents keep MCP servers as JSON, and the key under which. Codex's TOML is not among them. */
const CONFIGS: readonly { root: FileChange["root"]; path: string; key: string }[] = [
  { root: "workspace", path: ".mcp.json", key: "mcpServers" },
  { root: "workspace", path: ".cursor/mcp.json", key: "mcpServers" },
  { root: "workspace", path: ".vscode/mcp.json", key: "servers" },
  { root: "workspace", path: ".gemini/settings.json", key: "mcpServers" },
  { root: "home", path: ".claude.json", key: "mcpServers" },
  { root: "home", path: ".cursor/mcp.json", key: "mcpServers" },
  { root: "home", path: ".gemini/settings.json", key: "mcpServers" },
];

async function unpinnedServers(clone: StackFiles): Promise<Server[]> {
  const servers: Server[] = [];
  for (const { root, path, key } of CONFIGS) {
    const file = await readText(clone, root, path);
    if (file.status === "unfit") continue;
    for (const property of valueOf(treeOf(file.text), key)?.children ?? []) {
      const [name, server] = property.children ?? [];
      const node = packageNode(server);
      const spec = splitSpec(stringOf(node) ?? "");
      if (node === undefined || spec === undefined) continue;
      servers.push({ file, name: stringOf(name) ?? "", package: spec, node });
    }
  }
  return servers;
}

/** The argument that names the package, for the programs that fetch one and run it. */
function packageNode(server: Node | undefined): Node | undefined {
  const command = (stringOf(valueOf(server, "command")) ?? "").split("/").at(-1) ?? "";
  const args = valueOf(server, "args")?.children ?? [];
  const skipped = command === "pnpm" || command === "yarn" || command === "npm" ? 1 : 0;
  if (skipped === 1 && !["dlx", "exec", "x"].includes(stringOf(args[0]) ?? "")) return undefined;
  if (skipped === 0 && command !== "npx" && command !== "bunx") return undefined;
  return args.slice(skipped).find((arg) => !(stringOf(arg) ?? "-").startsWith("-"));
}

/** The name in a package spec that fixes no version, or undefined: `p`, `p@latest` and `p@^1` fix none, `p@1.2.3` does. */
function splitSpec(spec: string): string | undefined {
  const [, name, version] = /^((?:@[\w.~-]+\/)?[\w.~-]+)(?:@(.*))?$/.exec(spec) ?? [];
  if (name === undefined || (version !== undefined && /^\d+\.\d+\.\d+([-+].*)?$/.test(version))) return undefined;
  return name;
}

/** By server name, and by file as well when the evidence tells it. */
function isNamedBy(finding: Finding, server: Server): boolean {
  const file = `${server.file.root}/${server.file.path}`;
  return instancesOf(finding.evidence).some((instance) => {
    const words = instance.split(/[^\w.@/~-]+/).flatMap((word) => [word, word.split("/").at(-1) ?? word]);
    const isNamed = words.includes(server.name) || words.includes(server.package);
    return isNamed && (instance.includes(file) || !/(^|\W)(home|workspace)\//.test(instance));
  });
}

function pin(server: Server, versions: Versions): Edit {
  const { offset, length } = server.node;
  return {
    start: offset,
    end: offset + length,
    text: JSON.stringify(`${server.package}@${versions.get(server.package)}`),
  };
}
