import type { Node } from "jsonc-parser";
import type { Finding } from "../../findings/finding.ts";
import { instancesOf, planDevcontainer } from "../devcontainer.ts";
import { removals, stringOf, valueOf } from "../jsonc.ts";
import type { Mitigation } from "../mitigation.ts";

/**
 * Takes out of devcontainer.json the mounts through which the evidence was reached, from `mounts` and from `runArgs`.
 * Undone by putting the same text back in the same place.
 */
export const devcontainerRemoveMount: Mitigation = {
  id: "devcontainer.remove-mount",
  title: "Take the mount out of devcontainer.json",
  effects: [
    "takes effect when the devcontainer is built anew; running containers keep the mount",
    "what used the mount inside stops working: builds that talk to the engine, tools that read the mounted files",
  ],
  plan: (clone, finding) =>
    planDevcontainer(
      clone,
      (text, tree) =>
        listsOf(tree).flatMap(({ list, mounts }) => {
          const gone = mounts.filter((mount) => isNamedBy(finding, mount)).flatMap((mount) => mount.nodes);
          return gone.length === 0 ? [] : removals(text, list, new Set(gone));
        }),
      "no mount in devcontainer.json leads to what the evidence names",
    ),
};

/** One declared mount and the list members that make it up: one, or an option and its value. */
type Declared = { source: string; target: string; nodes: Node[] };

function listsOf(tree: Node): { list: Node; mounts: Declared[] }[] {
  const mounts = valueOf(tree, "mounts");
  const runArgs = valueOf(tree, "runArgs");
  return [
    ...(mounts?.type === "array" ? [{ list: mounts, mounts: (mounts.children ?? []).flatMap(fromMounts) }] : []),
    ...(runArgs?.type === "array" ? [{ list: runArgs, mounts: fromRunArgs(runArgs.children ?? []) }] : []),
  ];
}

function fromMounts(node: Node): Declared[] {
  const text = stringOf(node);
  const parts = text === undefined ? objectParts(node) : commaParts(text);
  return parts === undefined ? [] : [{ ...parts, nodes: [node] }];
}

/** `-v A:B`, `--volume=A:B`, `--mount type=…`, each as one word or as two. */
function fromRunArgs(nodes: readonly Node[]): Declared[] {
  return nodes.flatMap((node, i) => {
    const word = stringOf(node) ?? "";
    const [, option = "", value] = /^(-v|--volume|--mount)(?:=(.*))?$/s.exec(word) ?? [];
    const next = nodes[i + 1];
    if (option === "" || (value === undefined && next === undefined)) return [];
    const text = value ?? stringOf(next) ?? "";
    const parts = option === "--mount" ? commaParts(text) : colonParts(text);
    return parts === undefined ? [] : [{ ...parts, nodes: value === undefined && next ? [node, next] : [node] }];
  });
}

function objectParts(node: Node) {
  const source = stringOf(valueOf(node, "source"));
  const target = stringOf(valueOf(node, "target"));
  return target === undefined ? undefined : { source: source ?? "", target };
}

function commaParts(text: string) {
  const fields = new Map(
    text.split(",").map((field): [string, string] => {
      const at = field.indexOf("=");
      return at < 0 ? [field, ""] : [field.slice(0, at), field.slice(at + 1)];
    }),
  );
  const target = fields.get("target") ?? fields.get("dst") ?? fields.get("destination");
  return target === undefined ? undefined : { source: fields.get("source") ?? fields.get("src") ?? "", target };
}

/** The colon in `${localEnv:HOME}` is none. */
function colonParts(text: string) {
  const [source = "", target] = text.replace(/\$\{([^}:]*):/g, "${$1\u0002").split(":");
  return target === undefined
    ? undefined
    : { source: source.replaceAll("\u0002", ":"), target: target.replaceAll("\u0002", ":") };
}

const ENGINE_SOCKET = /\/[^/]*(docker|podman|containerd|crio|buildkit)[^/]*\.sock$/;

function isNamedBy(finding: Finding, mount: Declared): boolean {
  if (finding.weakness === "engine-socket-declared")
    return ENGINE_SOCKET.test(mount.source) || ENGINE_SOCKET.test(mount.target);
  const target = plain(mount.target);
  return instancesOf(finding.evidence).some((instance) => {
    const path = plain(instance);
    return path === target || path.startsWith(`${target}/`);
  });
}

/** One spelling: /var/run is /run, and a home is `~`, whoever's it is and however it is written. */
function plain(path: string): string {
  return path
    .replace(/\/+$/, "")
    .replace(/^\/var\/run(?=\/|$)/, "/run")
    .replace(/^(\$\{(?:localEnv|containerEnv):HOME\}|\$HOME|\/root|\/home\/[^/]+)(?=\/|$)/, "~");
}
