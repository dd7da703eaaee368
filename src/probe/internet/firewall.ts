import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { errnoOf } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import { oneLine } from "../../base/text.ts";
import { within } from "../../sandbox/local.ts";
import { strictFilter } from "../../sandbox/seccomp.ts";
import { netnsOf } from "../../stop/netns.ts";
import { RESOLV_CONF } from "./addresses.ts";

/**
 * Runs the script by which a stack puts up its own firewall, so that the firewall is measured as it is. It is not our code, and
 * it asks for the rights over a network: so it runs beside the target and not in it, in a room of ours that has the target's
 * network and limits, the rights over that network, our filter of system calls, the machine's own programs and libraries read-only, the
 * clone's workspace read-only, and nothing else. Every packet of it ends in our sink.
 */
export type Script = {
  /** In the clone. */
  source: string;
  /** Where it stands in the sandbox. */
  path: string;
  arguments: readonly string[];
};

export type FirewallOptions = {
  /** The sandbox's name, which the room's processes bear: whoever ends the one ends the other. */
  sandbox: string;
  /** Host pid of its first process. */
  pid: number;
  script: Script;
  workspace: { source: string; path: string };
  env: Readonly<Record<string, string>>;
  /** Of ours, for the files that the room is given. */
  directory: string;
  /** PEM of whoever signs for the names of the simulated internet; none when nobody does. */
  authority?: string;
  signal: AbortSignal;
  timeoutMs?: number;
};

/** `failed`: what stands in the network now is nobody's firewall, whole or not at all. */
export type Raised = { status: "raised" } | { status: "failed"; reason: string };

const TIMEOUT_MS = 60_000;

/** Never throws for what the script does or the machine lacks. */
export async function raiseFirewall(options: FirewallOptions): Promise<Raised> {
  const { sandbox, pid, script, signal, timeoutMs = TIMEOUT_MS } = options;
  const name = posix.basename(script.path);
  if (netnsOf(pid) === undefined) return { status: "failed", reason: `${sandbox} has no network of its own` };
  const argv = within(cgroupsOf(pid), sandbox, roomArgv(options, furnish(options)));
  const { code, stdout, stderr, isTimedOut } = await exec(argv, { signal, timeoutMs, outputBytesMax: 64 * 1024 });
  if (code === 0) return { status: "raised" };
  if (isTimedOut) return { status: "failed", reason: `${name} was not done after ${timeoutMs / 1_000} s` };
  const said = oneLine((stderr.trim() === "" ? stdout : stderr).trim().split("\n").at(-1) ?? "", 200);
  return { status: "failed", reason: `${name} ended with code ${code ?? "none"}${said === "" ? "" : `: ${said}`}` };
}

type Furniture = { filter: string; script: string; sudo: string; resolver: string; authority?: string };

/** Who is root already need not become it. */
const SUDO = `#!/bin/sh
while :; do case "$1" in -u|-g) shift 2 ;; -*|*=*) shift ;; *) break ;; esac; done
exec "$@"
`;

function furnish({ directory, script, authority }: FirewallOptions): Furniture {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const write = (name: string, content: string | Buffer, mode: number) => {
    const path = join(directory, name);
    writeFileSync(path, content, { mode });
    return path;
  };
  return {
    filter: write("filter.bpf", strictFilter(), 0o600),
    script: write("script", readFileSync(script.source), 0o755),
    sudo: write("sudo", SUDO, 0o755),
    resolver: write("resolv.conf", RESOLV_CONF, 0o644),
    ...(authority === undefined ? {} : { authority: write("authority.pem", authority, 0o644) }),
  };
}

/** Programs and what they need; nothing that an operator keeps, such as /usr/local. */
const OF_THE_MACHINE = [
  "/usr/bin",
  "/usr/sbin",
  "/usr/lib",
  "/usr/lib64",
  "/usr/libexec",
  "/usr/share",
  "/etc/alternatives",
];
const SHORT = ["bin", "sbin", "lib", "lib64"];
/** Whose root may write settings of the whole machine without any capability; an engine's container has them read-only, too. */
const READ_ONLY = ["/proc/sys", "/proc/sysrq-trigger", "/proc/fs"];
const AUTHORITY = "/etc/ssl/certs/ca-certificates.crt";

function roomArgv({ sandbox, pid, script, workspace, env }: FirewallOptions, its: Furniture): string[] {
  const ro = (source: string, path = source) => ["--ro-bind", source, path];
  const tmpfs = (path: string) => ["--perms", "1777", "--size", String(16 * 1024 * 1024), "--tmpfs", path];
  const trusted = its.authority === undefined ? {} : { CURL_CA_BUNDLE: AUTHORITY, SSL_CERT_FILE: AUTHORITY };
  const variables = {
    ...env,
    ...trusted,
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/tmp",
  };
  const words = (text: string) => text.split(" ");
  return [
    // A descriptor for bwrap, which cannot be given a path.
    "/bin/sh",
    "-c",
    'exec 9<"$1"; shift; exec "$@"',
    sandbox,
    its.filter,
    "nsenter",
    `--net=/proc/${pid}/ns/net`,
    "--",
    "bwrap",
    ...words("--die-with-parent --new-session --hostname sandbox"),
    ...words("--unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup-try"),
    ...words("--cap-drop ALL --cap-add CAP_NET_ADMIN --cap-add CAP_NET_RAW"),
    // The clone's files are the agent's user's, and root reads them in every container.
    ...words("--cap-add CAP_DAC_OVERRIDE --clearenv"),
    ...Object.entries(variables).flatMap(([name, value]) => ["--setenv", name, value]),
    ...OF_THE_MACHINE.filter((path) => existsSync(path)).flatMap((path) => ro(path)),
    ...SHORT.filter((name) => existsSync(`/${name}`)).flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]),
    ...words("--proc /proc --dev /dev"),
    ...READ_ONLY.filter((path) => existsSync(path)).flatMap((path) => ro(path)),
    ...["/tmp", "/run", "/var"].flatMap(tmpfs),
    ...ro(workspace.source, workspace.path),
    ...ro(its.resolver, "/etc/resolv.conf"),
    ...(its.authority === undefined ? [] : ro(its.authority, AUTHORITY)),
    ...ro(its.sudo, "/usr/local/bin/sudo"),
    ...(script.path.startsWith(`${workspace.path}/`) ? [] : ro(its.script, script.path)),
    ...words("--remount-ro / --seccomp 9 --chdir"),
    workspace.path,
    "--",
    // The name stays on bwrap's own line, by which the room is found.
    "/bin/sh",
    "-c",
    'exec "$@"',
    sandbox,
    ...interpreterOf(its.script),
    script.path,
    ...script.arguments,
  ];
}

/** As the kernel reads its first line; a script in the clone need not be executable. */
function interpreterOf(path: string): string[] {
  const [first = ""] = readFileSync(path, "latin1").split("\n", 1);
  const words = first.startsWith("#!") ? first.slice(2).trim().split(/\s+/) : [];
  const isUsual = /^(\/usr)?\/bin\/(env|bash|dash|sh)$/.test(words[0] ?? "");
  return isUsual ? words : ["/bin/sh"];
}

/** The control groups of that process, so that its limits are the room's as well; none where none are mounted. */
function cgroupsOf(pid: number): string[] {
  let table: string;
  try {
    table = readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ESRCH") return [];
    throw thrown;
  }
  return table
    .split("\n")
    .flatMap((line) => {
      const [, controllers, ...path] = line.split(":");
      const below = path.join(":");
      // The root of a hierarchy limits nothing, and what is above our own view of it is not ours to enter.
      if (controllers === undefined || !/^\/(?!\.\.)./.test(below)) return [];
      return [join("/sys/fs/cgroup", controllers.replace(/^name=/, ""), below)];
    })
    .filter((path) => existsSync(join(path, "cgroup.procs")));
}
