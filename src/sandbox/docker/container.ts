import type Docker from "dockerode";
import { firstArgv } from "../../guest/argv.ts";
import { GUEST_DIR } from "../../guest/wire.ts";
import type { DriverKind, Isolation, Mount, SandboxSpec } from "../sandbox.ts";
import { pidsLimit } from "./runtimes.ts";

/** Every container of ours bears both; a sweep finds them by these. */
export const LABEL = { cycle: "dev.weakdoor.cycle", driver: "dev.weakdoor.driver" } as const;

/**
 * The body of `POST /containers/create` that a spec stands for. `seccompProfile`: the JSON of our strict profile;
 * `isolation`: what the runtime is taken for, see runtimes.ts.
 */
export function containerOf(
  spec: SandboxSpec,
  parts: { image: string; runtime: string; isolation: Isolation; kind: DriverKind; seccompProfile: string },
): Docker.ContainerCreateOptions {
  const { limits, confinement } = spec;
  const memoryBytes = limits.memoryMiB * 1024 * 1024;
  return {
    name: spec.name,
    Image: parts.image,
    Entrypoint: firstArgv(spec.name),
    Cmd: [],
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    WorkingDir: spec.cwd,
    User: `${spec.uid}:${spec.gid}`,
    Hostname: "sandbox",
    Labels: { [LABEL.cycle]: spec.cycle, [LABEL.driver]: parts.kind },
    // The channel: the first process's own stdin and stdout, closed with the one connection that is attached.
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    StdinOnce: true,
    Tty: false,
    // Whoever stops it, an engine that ends among them, need not wait: there is no graceful stop.
    StopSignal: "SIGKILL",
    StopTimeout: 0,
    HostConfig: {
      Runtime: parts.runtime,
      NetworkMode: "none",
      IpcMode: "private",
      Privileged: false,
      ReadonlyRootfs: confinement.readOnlyRoot,
      CapDrop: ["ALL"],
      CapAdd: confinement.capabilities.map((name) => name.replace(/^CAP_/, "")),
      SecurityOpt: [
        ...(confinement.noNewPrivileges ? ["no-new-privileges:true"] : []),
        `seccomp=${confinement.seccomp === "none" ? "unconfined" : parts.seccompProfile}`,
      ],
      PidsLimit: pidsLimit(parts.isolation, limits.pids),
      Memory: memoryBytes,
      // Memory and swap together: no swap.
      MemorySwap: memoryBytes,
      NanoCpus: Math.round(limits.cpus * 1e9),
      // Any other driver would write the channel's bytes to the engine's disk.
      LogConfig: { Type: "none", Config: {} },
      // We remove it ourselves and look; an engine that removes on exit leaves nothing to tell a death from a loss.
      AutoRemove: false,
      RestartPolicy: { Name: "no" },
      Tmpfs: Object.fromEntries(spec.mounts.flatMap((mount) => tmpfsOf(mount, spec))),
      Mounts: [bind(spec.guest, GUEST_DIR, "ro"), ...spec.mounts.flatMap(bindOf)],
    },
  };
}

/** Owned by the guest's user: runc gives it the mode of the directory that it covers, whatever mode is asked for. */
function tmpfsOf(mount: Mount, { uid, gid }: SandboxSpec): [string, string][] {
  if (mount.kind !== "tmpfs") return [];
  return [[mount.path, `rw,exec,nosuid,nodev,uid=${uid},gid=${gid},mode=1777,size=${mount.sizeMiB}m`]];
}

function bindOf(mount: Mount): Docker.MountSettings[] {
  return mount.kind === "bind" ? [bind(mount.source, mount.path, mount.mode)] : [];
}

function bind(source: string, target: string, mode: "ro" | "rw"): Docker.MountSettings {
  // Private: a mount made on either side does not show on the other.
  return {
    Type: "bind",
    Source: source,
    Target: target,
    ReadOnly: mode === "ro",
    BindOptions: { Propagation: "rprivate" },
  };
}
