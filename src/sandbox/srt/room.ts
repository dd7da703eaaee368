import { carried, firstArgv } from "../../guest/argv.ts";
import { GUEST_DIR } from "../../guest/wire.ts";
import {
  asUser,
  FILTER_FD,
  INFO_FD,
  mountedAll,
  namespaces,
  type Rights,
  withLimits,
} from "../bubblewrap/arguments.ts";
import type { OwnRoot } from "../ownRoot.ts";
import type { SandboxSpec } from "../sandbox.ts";
import { KIT_DIR, SRT_PROGRAM } from "./kit.ts";

/**
 * The room that srt stands in. srt shows its sandbox the whole file system around it, so that must be ours: bwrap makes a
 * root of the spec's, with process, network, IPC and host name namespaces of its own, and in it the agent's user runs srt
 * as it would on its own machine. Two things are other than in a bubblewrap sandbox, both for srt's own bwrap:
 *
 * - Nothing covers a part of /proc. The kernel lets nobody mount a new /proc who sees only a part of the old one
 *   (fs/namespace.c, mnt_already_visible), and bwrap as root covers parts, so as root we mount it ourselves.
 * - Nobody in the room is the host's root, who could then write to /proc/sys. A root inside is one in a user namespace,
 *   and to the host it is nobody.
 */
export function roomArgv(
  program: string,
  spec: SandboxSpec,
  { root, settingsPath }: { root: OwnRoot; settingsPath: string },
  rights: Rights,
): string[] {
  return [
    program,
    ...namespaces(spec, rights),
    "--die-with-parent",
    "--as-pid-1",
    "--new-session",
    "--hostname",
    "sandbox",
    "--cap-drop",
    "ALL",
    ...kept(spec, rights).flatMap((name) => ["--cap-add", name]),
    "--clearenv",
    ...Object.entries({ ...spec.env, PATH: searchPath(spec) }).flatMap(([name, value]) => ["--setenv", name, value]),
    spec.confinement.readOnlyRoot ? "--ro-bind" : "--bind",
    root.path,
    "/",
    ...(rights.isRoot ? [] : ["--proc", "/proc"]),
    "--dev",
    "/dev",
    ...mountedAll(root.mounts),
    "--chdir",
    "/",
    "--seccomp",
    String(FILTER_FD),
    "--info-fd",
    String(INFO_FD),
    "--",
    ...(rights.isRoot ? [...withProc(spec.name), ...asAgent(spec)] : withLimits(spec)),
    ...from(spec.cwd),
    ...carried("node"),
    SRT_PROGRAM,
    "--settings",
    settingsPath,
    "-c",
    `exec ${guestFirst(spec).map(quoted).join(" ")}`,
  ];
}

/**
 * The first process that is inside srt's sandbox; its command line is found in the host's /proc. With the agent's settings
 * tasks see the environment that srt makes, its proxies first of all; with ours they reach the gateway, as in any sandbox.
 */
export function guestFirst({ name, env, settings }: SandboxSpec): [string, ...string[]] {
  return firstArgv(name, settings === undefined ? undefined : Object.keys(env));
}

/** As the agent's own user: whoever makes the room may not enter a directory that is the agent's alone. */
function from(cwd: string): string[] {
  return [`${GUEST_DIR}/busybox`, "sh", "-c", 'cd "$0" && exec "$@"', cwd];
}

/** srt finds its tools in PATH. */
function searchPath({ env }: SandboxSpec): string {
  return [`${KIT_DIR}/bin`, env.PATH ?? "/usr/local/bin:/usr/bin:/bin"].join(":");
}

/** As root those are for the first words in the room alone. Mapping root into a further user namespace takes CAP_SETFCAP (user_namespaces(7)). */
function kept({ uid }: SandboxSpec, { isRoot }: Rights): string[] {
  if (isRoot) return ["CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"];
  return uid === 0 ? ["CAP_SETFCAP"] : [];
}

function withProc(name: string): string[] {
  const script = `${GUEST_DIR}/busybox mount -t proc -o nosuid,nodev,noexec proc /proc && exec "$@"`;
  return [`${GUEST_DIR}/busybox`, "sh", "-c", script, name];
}

/** To whom no file of the host belongs. */
const NOBODY = 65_534;

function asAgent(spec: SandboxSpec): string[] {
  const bare = { ...spec, confinement: { ...spec.confinement, capabilities: [] } };
  if (spec.uid !== 0) return asUser(bare);
  return [
    ...asUser({ ...bare, uid: NOBODY, gid: NOBODY }),
    `${KIT_DIR}/bin/bwrap`,
    "--die-with-parent",
    "--unshare-user",
    "--uid",
    "0",
    "--gid",
    String(spec.gid),
    "--cap-drop",
    "ALL",
    "--cap-add",
    "CAP_SETFCAP",
    "--dev-bind",
    "/",
    "/",
    "--",
  ];
}

/** One word of a POSIX shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
