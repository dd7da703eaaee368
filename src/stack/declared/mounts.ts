import { posix } from "node:path";
import { entries, textOf } from "../formats.ts";
import type { DeclaredResource } from "../stack.ts";
import { expand, type Meaning } from "./variables.ts";

/** A mount as it is written, in whichever syntax. */
export type WrittenMount = { source: string; target: string; type: string; isReadOnly: boolean };

export type MountRead =
  | { status: "resource"; resource: Omit<DeclaredResource, "declaredAt"> }
  | { status: "unrepeatable"; why: string };

/** `type=bind,source=…,target=…,readonly`, or the same as an object. Undefined when it is neither. */
export function mountOf(value: unknown): WrittenMount | undefined {
  const pairs: [string, unknown][] =
    typeof value === "string"
      ? value.split(",").map((part) => {
          const at = part.indexOf("=");
          return at < 0 ? [part.trim(), "true"] : [part.slice(0, at).trim(), part.slice(at + 1).trim()];
        })
      : entries(value);
  const of = (...keys: string[]): string | undefined => {
    const pair = pairs.find(([key]) => keys.includes(key));
    return pair === undefined ? undefined : (textOf(pair[1]) ?? String(pair[1]));
  };
  const target = of("target", "destination", "dst");
  if (target === undefined) return undefined;
  const source = of("source", "src") ?? "";
  const readOnly = of("readonly", "ro", "readOnly");
  return { source, target, type: of("type") ?? "volume", isReadOnly: readOnly === "true" || readOnly === "1" };
}

/** `source:target[:options]` of `-v`. Undefined when it has another shape. */
export function volumeOf(text: string): WrittenMount | undefined {
  const parts = text.match(/(?:\$\{[^}]*\}|[^:])+/g) ?? [];
  const [first, second, options = ""] = parts;
  if (first === undefined || parts.length > 3) return undefined;
  if (second === undefined) return { source: "", target: first, type: "volume", isReadOnly: false };
  const isPath = /^[/.~$]/.test(first);
  return {
    source: first,
    target: second,
    type: isPath ? "bind" : "volume",
    isReadOnly: options.split(",").includes("ro"),
  };
}

/** What the mount brings into the sandbox, by where its source lies. */
export function resourceOf(mount: WrittenMount, meaning: Meaning): MountRead {
  const target = expand(mount.target, meaning);
  if (target.status === "unknown") return unknown(target.variable);
  if (!target.text.startsWith("/")) return { status: "unrepeatable", why: "its target is no absolute path" };
  const base = {
    source: mount.source,
    path: posix.normalize(target.text),
    mode: mount.isReadOnly ? ("ro" as const) : ("rw" as const),
  };
  if (mount.type === "volume" || mount.type === "tmpfs") {
    return { status: "resource", resource: { ...base, kind: "volume", source: mount.source || mount.type } };
  }
  if (mount.type !== "bind") return { status: "unrepeatable", why: `mounts of type ${mount.type} are not known` };
  // The one variable whose value need not be known to know what it is.
  if (/^\$\{localEnv:SSH_AUTH_SOCK(:[^}]*)?\}$/.test(mount.source)) {
    return { status: "resource", resource: { ...base, kind: "agent-socket" } };
  }
  const source = expand(mount.source, meaning);
  if (source.status === "unknown") return unknown(source.variable);
  const { workspace } = meaning.original;
  return {
    status: "resource",
    resource: { ...base, ...classify(posix.resolve(workspace, source.text), meaning.original) },
  };
}

const ENGINE_SOCKET = /^(docker(-raw|\.proxy)?|podman|containerd|crio|buildkitd|docker-desktop)\.sock$/;
const AGENT_SOCKET = /^(ssh-agent.*|ssh-auth\.sock|S\.gpg-agent.*|S\.keyboxd|agent\.\d+|ssh-auth-sock)$/;

/**
 * By the names that engines and agents give their sockets; a socket by another name reads as a host directory, which
 * still becomes a stand-in, and the probe finds it by its type.
 */
function classify(
  source: string,
  original: { home: string; workspace: string },
): Pick<DeclaredResource, "kind" | "logical"> {
  const name = posix.basename(source);
  if (ENGINE_SOCKET.test(name)) return { kind: "engine-socket" };
  if (AGENT_SOCKET.test(name) || /\/keyring\/(ssh|control)$/.test(source)) return { kind: "agent-socket" };
  const inWorkspace = below(source, original.workspace);
  if (inWorkspace !== undefined) return { kind: "workspace", logical: `workspace${inWorkspace}` };
  const inHome = below(source, original.home);
  if (inHome !== undefined) return { kind: "home-directory", logical: `home${inHome}` };
  return { kind: source.startsWith("/dev/") ? "device" : "host-directory" };
}

/** The rest of a path below a directory, with its leading slash; empty for the directory itself. */
function below(path: string, directory: string): string | undefined {
  if (path === directory) return "";
  return path.startsWith(`${directory}/`) ? path.slice(directory.length) : undefined;
}

function unknown(variable: string): MountRead {
  return { status: "unrepeatable", why: `${variable} is a value of the host, which is not read` };
}
