import { firstArgv } from "../../guest/argv.ts";
import type { OwnRoot } from "../ownRoot.ts";
import type { Mount, SandboxSpec } from "../sandbox.ts";

/**
 * The config.json of an OCI bundle for a spec, in the fields runsc reads (OCI runtime specification 1.0). There is no
 * seccomp in it: gVisor's own kernel implements none of the refused socket families, and its own filter stands before the
 * host's.
 */
export function bundleConfig(
  spec: SandboxSpec,
  root: OwnRoot,
  { argv = firstArgv(spec.name), isJoinable = false }: { argv?: readonly string[]; isJoinable?: boolean } = {},
): unknown {
  const { confinement } = spec;
  const kept = confinement.capabilities;
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: spec.uid, gid: spec.gid, additionalGids: [] },
      args: argv,
      env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
      cwd: spec.cwd,
      capabilities: { bounding: kept, effective: kept, permitted: kept, inheritable: [], ambient: [] },
      noNewPrivileges: confinement.noNewPrivileges,
      rlimits: [
        { type: "RLIMIT_CORE", hard: 0, soft: 0 },
        { type: "RLIMIT_NOFILE", hard: 4096, soft: 4096 },
      ],
    },
    root: { path: root.path, readonly: confinement.readOnlyRoot },
    hostname: "sandbox",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      ...(root.mounts.some((mount) => mount.path === "/tmp") ? [] : [tmpfs("/tmp", TMP_MIB)]),
      ...root.mounts.toSorted((a, b) => a.path.length - b.path.length).map(mounted),
    ],
    linux: {
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) =>
        // runsc begins in the namespace that holds the interface, and would make another one.
        type === "network" && isJoinable ? { type, path: "/proc/self/ns/net" } : { type },
      ),
    },
  };
}

const TMP_MIB = 256;

function mounted(mount: Mount): unknown {
  if (mount.kind === "tmpfs") return tmpfs(mount.path, mount.sizeMiB);
  const options = ["rbind", "rprivate", "nosuid", "nodev", mount.mode];
  return { destination: mount.path, type: "bind", source: mount.source, options };
}

function tmpfs(destination: string, sizeMiB: number): unknown {
  const options = ["nosuid", "nodev", "mode=1777", `size=${sizeMiB * 1024 * 1024}`];
  return { destination, type: "tmpfs", source: "tmpfs", options };
}
