import { isExposure } from "../guest/exposure.ts";
import { checkOf, type Observation } from "../guest/observation.ts";
import { TOOL_REVERSALS } from "./tools/reversals.ts";

/**
 * The smallest change that closes an exposure: a flag, a mount option, a mode. What must flip for it to count is the
 * observation itself, to denied or absent, in the next measurement: the change is proved by that and by nothing else.
 */
export type Reversal = { close: string; flips: string };

/** Pure. Undefined for what is no exposure, and for two views that disagree: there is nothing to close, there is one to find out. */
export function reversalOf(row: Observation): Reversal | undefined {
  if (row.verdict === "contradictory" || !isExposure(row)) return undefined;
  const close = REVERSALS[checkOf(row.id)]?.(row.id.slice(checkOf(row.id).length + 1), row);
  return close === undefined ? undefined : { close, flips: row.id };
}

type Close = (instance: string, row: Observation) => string;

const always =
  (text: string): Close =>
  () =>
    text;
const unmount: Close = (path) => `leave out the mount that brings ${path} (docker -v or --mount, bwrap --bind)`;
const cover: Close = (path) =>
  `mask ${path} (docker: leave out systempaths=unconfined; bwrap --ro-bind /dev/null ${path})`;
const readOnly: Close = (path) => `mount ${path} read-only (docker -v …:ro, bwrap --ro-bind)`;
const lessOf: Close = (path, row) =>
  row.access.includes("write") ? `${readOnly(path, row)}, or leave it out` : unmount(path, row);
const dropCapability = (name: string): string =>
  `drop ${name} (docker --cap-drop ${name.replace(/^CAP_/, "")}, bwrap --cap-drop ${name})`;
const noProxy =
  "route everything through the proxy by its own network (docker --network internal, bwrap --unshare-net with a socket to the proxy)";
const noNetwork =
  "give it no network (docker --network none, bwrap --unshare-net), or one whose only neighbour is the proxy";
const privatePids =
  "give it a pid namespace of its own (docker: leave out --pid host, bwrap --unshare-pid with --proc /proc)";
const strictFilter: Close = (call) =>
  `refuse ${call} in the seccomp profile (docker --security-opt seccomp=FILE, bwrap --seccomp FD)`;
const unset: Close = (name) =>
  `do not hand ${name || "it"} on (docker: leave out -e, bwrap --unsetenv ${name || "NAME"})`;
const byMachine: Close = (name) =>
  `the machine's own setting: sysctl ${name}; a sandbox cannot close it for itself, a system call filter can keep it from being reached`;
const trust: Close = (path) =>
  `mount ${path} read-only over the workspace (docker -v …:ro, bwrap --ro-bind), or have the program outside not obey it`;

/** By check. Docker's and bubblewrap's own words, from docker-run(1), devcontainers' runArgs and bwrap(1). */
const REVERSALS: Readonly<Record<string, Close>> = {
  ...TOOL_REVERSALS,
  "inherited-descriptor": always(
    "close descriptors from 3 on before the sandbox starts (O_CLOEXEC, or exec 3>&- in its starter)",
  ),
  "syscall-boundary": always(
    "leave out seccomp=unconfined (docker), give --seccomp FD (bwrap), or use another runtime: gVisor, a microVM",
  ),
  "root-group": (group) => `run it without the group ${group} (docker: leave out --group-add ${group})`,
  capability: dropCapability,
  "no-new-privs": always("docker --security-opt no-new-privileges; bwrap always sets it"),
  namespace: (kind) =>
    `give it a ${kind} namespace of its own (docker: leave out --${kind} host, bwrap --unshare-${kind})`,
  "user-namespace": always(
    "refuse unshare and clone with CLONE_NEWUSER in the seccomp profile (Docker's default does; bwrap --disable-userns)",
  ),
  "host-processes": always(privatePids),
  "foreign-signal": always(`${privatePids}, and run it as another user`),
  "ptrace-scope": always(
    "refuse ptrace and process_vm_readv in the seccomp profile, drop CAP_SYS_PTRACE; on the machine sysctl kernel.yama.ptrace_scope=1",
  ),
  "socket-family": (family) =>
    family === "raw"
      ? dropCapability("CAP_NET_RAW")
      : `refuse socket(${family}) in the seccomp profile${family === "AF_PACKET" ? ", or drop CAP_NET_RAW" : ""}`,
  "dangerous-syscall": strictFilter,
  "kernel-sysctl": byMachine,
  "address-randomisation": always(
    "the machine's own setting: sysctl kernel.randomize_va_space=2; for one process leave out setarch -R",
  ),
  "kernel-range": (cve) =>
    `take the distribution's kernel with the fix for ${cve}, or keep what reaches it out by the seccomp profile`,
  "resource-limit": (what) =>
    ({
      memory: "docker --memory 2g, or MemoryMax= of a systemd scope around bwrap",
      cpu: "docker --cpus 2, or CPUQuota= of a systemd scope around bwrap",
      pids: "docker --pids-limit 512, or TasksMax= of a systemd scope around bwrap",
      "open-files": "docker --ulimit nofile=4096, or prlimit --nofile before bwrap",
    })[what] ?? `set a limit of ${what}`,
  "outlives-call": always(
    "give each command a pid namespace that ends with it (bwrap --unshare-pid --die-with-parent), or end its whole session after it",
  ),
  "outside-canary": (how) =>
    `leave out the mount through which a file outside is ${how === "write" ? "written" : "read"}`,
  "copy-out": always("have the copier refuse links (O_NOFOLLOW, RESOLVE_BENEATH); it is our own: report it to us"),
  "listening-port": (port) =>
    `have it listen on 127.0.0.1 alone, or drop what comes in at ${port} in the sandbox's own rules`,
  terminal: always("start it without a terminal of the person's (docker: leave out -t, bwrap --new-session)"),
  "host-mount": lessOf,
  "host-path-leak": always(
    "nothing hides a layer's path from mountinfo but another runtime; keep data-root paths free of names that tell something",
  ),
  "mount-propagation": always("mount private (docker bind-propagation=rprivate, which is its default; bwrap does)"),
  "root-filesystem": always(
    "docker --read-only with --tmpfs for what must be written; bwrap --ro-bind / / or --remount-ro /",
  ),
  "system-directory": readOnly,
  "sensitive-file": lessOf,
  "device-node": (path) =>
    `leave out ${path} (docker: leave out --device and --privileged; bwrap --dev /dev rather than --dev-bind)`,
  "procfs-masking": cover,
  "kernel-control-file": (path, row) => `${cover(path, row)}, or mount /proc/sys read-only`,
  "cgroup-control": always(
    "mount the hierarchy read-only (docker: leave out :rw and --privileged; bwrap: do not bind /sys/fs/cgroup)",
  ),
  "foreign-root": always(`${privatePids}, and drop CAP_SYS_PTRACE`),
  "lxcfs-mount": unmount,
  "scratch-space": (path) =>
    `put a tmpfs of a size there (docker --tmpfs ${path}:size=256m, bwrap --size BYTES --tmpfs ${path})`,
  "set-id-program": (name) =>
    `take the bit from ${name} in the image (chmod u-s,g-s), or mount nosuid; no-new-privileges makes it powerless`,
  "cloud-credential-file": unmount,
  "agent-credential-file": unmount,
  "credential-file": unmount,
  "service-account-token": always("automountServiceAccountToken: false in the pod"),
  "env-secret": unset,
  "foreign-environ": always(`${privatePids}, and start what needs the secret outside`),
  "command-line-secret": always("pass it by a file or a descriptor, never as an argument"),
  "agent-socket": (name) => `leave out the mount of ${name}'s socket and the variable that names it`,
  "kernel-keyring": always("refuse keyctl, add_key and request_key in the seccomp profile (Docker's default does)"),
  "network-interface": always(noNetwork),
  "network-route": always(noNetwork),
  "host-network-namespace": always("leave out --network host (docker), add --unshare-net (bwrap)"),
  "loopback-listener": (place) => `give it a network namespace of its own, or stop what listens at ${place}`,
  "abstract-socket": always(
    "give it a network namespace of its own (docker: leave out --network host, bwrap --unshare-net)",
  ),
  "host-ipc": always("leave out --ipc host (docker), add --unshare-ipc (bwrap)"),
  "host-uts": always("leave out --uts host (docker), add --unshare-uts (bwrap)"),
  "engine-socket": unmount,
  "unix-socket": unmount,
  "desktop-socket": (name) => `leave out the mount of the ${name} socket and the variable that names it`,
  "workspace-link": (path) =>
    `delete the link ${path}; have whatever copies the workspace out refuse links (O_NOFOLLOW)`,
  "trust-file": trust,
  "trust-file-creatable": (path) =>
    `make an empty ${path} and mount it read-only over the workspace, or have the program outside not obey it`,
  "trust-file-changed": (path) =>
    `look at ${path} before anything outside obeys it (git diff, git checkout), and mount it read-only in the next run`,
  "persistence-path": (path) =>
    `put ${path} on a tmpfs or mount it read-only, so that nothing of it is there in the next session`,
  "memory-store": (path) =>
    `give each run a store of its own: put ${path} on a tmpfs (docker --tmpfs, bwrap --tmpfs), or mount it read-only`,
  "git-environment": unset,
  "git-settings": trust,
  "git-program": (key) =>
    `mount the file that sets ${key || "it"} and the program it names read-only (docker -v …:ro, bwrap --ro-bind), or unset it outside (git config --unset-all)`,
  "dns-resolution": always(noNetwork),
  "dns-channel": always("give it a resolver that answers the allowed names alone and forwards nothing"),
  "outbound-tcp": always(noNetwork),
  "data-flow": always(noNetwork),
  "outbound-other": always(
    "drop everything but TCP to the proxy in the sandbox's own rules, for IPv6 too (nft policy drop)",
  ),
  "address-form": always(
    "decide on the address that was parsed, not on its text; drop by address in the sandbox's own rules",
  ),
  "proxy-ignored": always(noProxy),
  "metadata-responder": always(
    "drop 169.254.0.0/16 and fd00:ec2::254 in the sandbox's own rules; on the cloud ask for IMDSv2 with hop limit 1",
  ),
  "host-gateway": always("drop the gateway's address in the sandbox's own rules; docker network create --internal"),
  "engine-endpoint": always(
    "bind the engine to its socket alone, or ask for client certificates; drop its port in the sandbox's own rules",
  ),
  neighbour: always(
    "put each sandbox on a network of its own (docker network create; com.docker.network.bridge.enable_icc=false)",
  ),
  "kubernetes-api": always("a NetworkPolicy without egress to the API, and automountServiceAccountToken: false"),
  "egress-map": (host) => `take ${host || "the host"} from the proxy's list`,
  relay: (host) => `narrow ${host || "the host"} in the proxy's list to the paths and methods that are needed`,
};

/** For the tests: the checks that have one. */
export function checksWithReversal(): ReadonlySet<string> {
  return new Set(Object.keys(REVERSALS));
}
