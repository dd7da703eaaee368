import { posix } from "node:path";
import { entries, textOf } from "../formats.ts";
import type { Roots } from "../reader.ts";
import type { DeclaredResource } from "../stack.ts";
import type { Source } from "./draft.ts";
import { unmarked } from "./variables.ts";

/** A mount as it is written, in whichever syntax. */
export type WrittenMount = { source: string; target: string; type: string; isReadOnly: boolean };

export type MountRead =
  | { status: "resource"; resource: Omit<DeclaredResource, "declaredAt"> }
  /** `isUnknown`: it may bring in anything. */
  | { status: "unrepeatable"; why: string; isUnknown?: true };

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
    return pair === undefined ? undefined : (textOf(pair[1]) ?? JSON.stringify(pair[1]));
  };
  const target = of("target", "destination", "dst");
  if (target === undefined) return undefined;
  const source = of("source", "src") ?? "";
  const readOnly = of("readonly", "ro", "readOnly", "read_only");
  return { source, target, type: of("type") ?? "volume", isReadOnly: readOnly === "true" || readOnly === "1" };
}

/** `source:target[:options]` of `-v`. Undefined when it has another shape. */
export function volumeOf(text: string): WrittenMount | undefined {
  const parts = text.match(/(?:\$\{[^}]*\}|\u{E000}[^\u{E001}]*\u{E001}|[^:])+/gu) ?? [];
  const [first, second, options = ""] = parts;
  if (first === undefined || parts.length > 3) return undefined;
  if (second === undefined) return { source: "", target: first, type: "volume", isReadOnly: false };
  return {
    source: first,
    target: second,
    type: /^[/.~$\u{E000}]/u.test(first) ? "bind" : "volume",
    isReadOnly: options.split(",").includes("ro"),
  };
}

/** What the mount brings into the sandbox, by where its source lies. */
export function resourceOf(mount: WrittenMount, from: Source): MountRead {
  const target = from.expand(mount.target);
  if (target.status === "unknown") return unknown(target.variable);
  if (!target.text.startsWith("/")) return { status: "unrepeatable", why: "its target is no absolute path" };
  const path = posix.normalize(target.text).replace(/(?<=.)\/$/, "");
  if (path === "/") return { status: "unrepeatable", why: "an image of ours takes the place of the whole root" };
  const base = { source: mount.source, path, mode: mount.isReadOnly ? ("ro" as const) : ("rw" as const) };
  if (mount.type === "volume" || mount.type === "tmpfs") {
    return { status: "resource", resource: { ...base, kind: "volume", source: mount.source || mount.type } };
  }
  if (mount.type !== "bind") return { status: "unrepeatable", why: `mounts of type ${mount.type} are not known` };
  const source = from.expand(mount.source);
  if (source.status === "unknown") {
    return isAgentSocket(source.variable)
      ? { status: "resource", resource: { ...base, source: source.variable, kind: "agent-socket" } }
      : unknown(source.variable);
  }
  return { status: "resource", resource: { ...base, ...classify(hostPath(source.text, from), from.original) } };
}

/** The one variable whose value need not be known to know what it is, in whichever syntax. */
export function isAgentSocket(written: string): boolean {
  return /^\$\{(localEnv:)?SSH_AUTH_SOCK([:-][^}]*)?\}$/.test(unmarked(written));
}

/** Absolute, as the file that names it means it. */
export function hostPath(written: string, { base, original }: Pick<Source, "base" | "original">): string {
  const path = /^~(?=\/|$)/.test(written) ? `${original.home}${written.slice(1)}` : written;
  return posix.resolve(base, path);
}

const ENGINE_SOCKET =
  /^(docker(-raw|\.proxy|-cli)?|podman|containerd|crio|cri-dockerd|dockershim|buildkitd|docker-desktop|nerdctl)\.sock$/;
const AGENT_SOCKET =
  /^(ssh-agent.*|ssh-auth\.sock|S\.gpg-agent.*|S\.keyboxd|agent\.\d+|agent\.sock|ssh-auth-sock|\.bitwarden-ssh-agent\.sock|system_bus_socket|session_bus_socket)$/;
const AGENT_PLACE = /\/keyring\/(ssh|control|pkcs11)$|^\/run\/user\/[^/]+\/bus$/;

/**
 * By the names that engines and agents give their sockets; a socket by another name reads as a host directory, which
 * still becomes a stand-in, and the probe finds it by its type.
 */
export function classify(source: string, original: Roots): Pick<DeclaredResource, "kind" | "logical"> {
  const name = posix.basename(source);
  if (ENGINE_SOCKET.test(name)) return { kind: "engine-socket" };
  if (AGENT_SOCKET.test(name) || AGENT_PLACE.test(source)) return { kind: "agent-socket" };
  const inWorkspace = below(source, original.workspace);
  if (inWorkspace !== undefined) return { kind: "workspace", logical: `workspace${inWorkspace}` };
  const inHome = below(source, original.home);
  if (inHome !== undefined) return { kind: "home-directory", logical: `home${inHome}` };
  return { kind: source === "/dev" || source.startsWith("/dev/") ? "device" : "host-directory" };
}

/** The rest of a path below a directory, with its leading slash; empty for the directory itself. */
export function below(path: string, directory: string): string | undefined {
  if (path === directory) return "";
  return path.startsWith(`${directory}/`) ? path.slice(directory.length) : undefined;
}

function unknown(variable: string): MountRead {
  return { status: "unrepeatable", why: `${variable} is a value of the host, which is not read`, isUnknown: true };
}
