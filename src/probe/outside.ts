import { readdir, readFile, readlink } from "node:fs/promises";
import { errnoOf } from "../base/errors.ts";
import type { CheckRun, Observation } from "../guest/observation.ts";
import { parseStatus } from "../guest/probe/facts.ts";
import { byPath, mountOf, parseMountinfo } from "../guest/probe/mounts.ts";
import { showPath } from "../guest/probe/paths.ts";
import { CAPABILITIES, decodeCapabilities, RUNTIME_DEFAULT } from "../guest/probe/process/capabilities.ts";
import { named } from "../guest/probe/row.ts";

/**
 * The sandbox as the host sees it, by pid and with no code inside: /proc/<pid>/{status,ns,mountinfo}. The rows
 * carry the ids that the probe inside uses, so that the two can be held against each other (compare.ts).
 */
export type Outside = {
  observations: Observation[];
  checks: CheckRun[];
  /** Whether what was looked at is the guest itself, or a kernel of its own that carries it, or nothing of it. */
  process: "guest" | "kernel" | "none";
};

const CHECK: Omit<CheckRun, "status" | "reason"> = { check: "outside-view", category: "process", from: "outside" };

/**
 * `pid` a process whose end is the sandbox's end; its first descendant in namespaces of its own is looked at.
 * `hostNamespaces` inodes by kind, of this host. `places`: as the probe inside is told them, so that a path has one name.
 */
export async function lookFromOutside(
  pid: number,
  hostNamespaces: Readonly<Record<string, string>>,
  places: { home?: string; workspace?: string } = {},
): Promise<Outside> {
  const inner = await innerProcess(pid, hostNamespaces);
  const tables = await tablesOf(inner);
  if (tables === undefined) {
    const reason = "the process ended, or its tables cannot be read";
    return { observations: [], checks: [{ ...CHECK, status: "failed", reason }], process: "none" };
  }
  const isKernel = KERNELS.test(tables.status.get("Name") ?? "");
  const observations = [
    ...capabilityRows(tables.status),
    noNewPrivsRow(tables.status),
    boundaryRow(tables.status),
    identityRow(tables.status),
    rootRow(tables.mountinfo),
    ...(isKernel ? [] : mountRows(tables.mountinfo, places)),
    ...namespaceRows(tables.namespaces, hostNamespaces),
  ].filter((row) => row !== undefined);
  return {
    observations,
    checks: [{ ...CHECK, status: "ran", reason: "" }],
    process: isKernel ? "kernel" : "guest",
  };
}

/** gVisor's sentry, and the monitors of virtual machines, by what /proc calls them. */
const KERNELS = /^(exe|runsc|runsc-sandbox|qemu-system-|firecracker|cloud-hyperviso)/;

/** For a sandbox that does not stand on this machine: no process of it is here. */
export function outsideElsewhere(reason: string): Outside {
  return { observations: [], checks: [{ ...CHECK, status: "skipped", reason }], process: "none" };
}

type Tables = {
  status: ReadonlyMap<string, string>;
  mountinfo: string;
  namespaces: Readonly<Record<string, string>>;
};

async function tablesOf(pid: number): Promise<Tables | undefined> {
  try {
    const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8");
    const namespaces = await namespacesOf(pid);
    return {
      status: parseStatus(await read("status")),
      mountinfo: await read("mountinfo"),
      namespaces,
    };
  } catch (thrown) {
    if (isGone(thrown)) return undefined;
    throw thrown;
  }
}

async function namespacesOf(pid: number): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const kind of ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"]) {
    const inode = /\[(\d+)\]/.exec(await readlink(`/proc/${pid}/ns/${kind}`))?.[1];
    if (inode !== undefined) found[kind] = inode;
  }
  return found;
}

/** A launcher may wait outside for the process it put inside, and the first process inside may be the launcher's too. */
async function innerProcess(pid: number, host: Readonly<Record<string, string>>): Promise<number> {
  let at = pid;
  for (let hops = 0; hops < 6; hops++) {
    const children = await childrenOf(at);
    const [only] = children;
    const isLauncher = (await commOf(at)) === "bwrap" || (await isInHost(at, host));
    if (!isLauncher || only === undefined) return at;
    at = only;
  }
  return at;
}

async function isInHost(pid: number, host: Readonly<Record<string, string>>): Promise<boolean> {
  const tables = await tablesOf(pid);
  return tables !== undefined && tables.namespaces["pid"] === host["pid"];
}

async function commOf(pid: number): Promise<string> {
  return (await tablesOf(pid))?.status.get("Name") ?? "";
}

/** In order of pid. Empty when the process is gone. */
async function childrenOf(pid: number): Promise<number[]> {
  try {
    const children = new Set<number>();
    for (const task of await readdir(`/proc/${pid}/task`)) {
      const line = await readFile(`/proc/${pid}/task/${task}/children`, "utf8");
      for (const child of line.split(/\s+/)) if (child !== "") children.add(Number(child));
    }
    return [...children].sort((a, b) => a - b);
  } catch (thrown) {
    if (isGone(thrown)) return [];
    throw thrown;
  }
}

function isGone(thrown: unknown): boolean {
  return ["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errnoOf(thrown) ?? "");
}

type Said = Pick<Observation, "verdict" | "access" | "detail">;

function row(id: string, category: Observation["category"], subject: string, said: Said): Observation {
  return { id, category, subject, from: "outside", ...said };
}

/** Told from the host's own tables: what is not there is absent, and needs no control. */
function fact(isOpen: boolean, access: Observation["access"], detail: string): Said {
  return isOpen ? { verdict: "reachable", access, detail } : { verdict: "absent", access: [], detail };
}

function capabilityRows(status: ReadonlyMap<string, string>): Observation[] {
  const held = decodeCapabilities(status.get("CapEff"));
  if (held === undefined) return [];
  return CAPABILITIES.map((name) => {
    const check = RUNTIME_DEFAULT.has(name) ? "runtime-default" : "capability";
    const detail = held.has(name) ? "held, says the host" : "not held, says the host";
    return row(`${check}:${name}`, "process", name, fact(held.has(name), ["configure"], detail));
  });
}

function noNewPrivsRow(status: ReadonlyMap<string, string>): Observation {
  const isOpen = status.get("NoNewPrivs") !== "1";
  const said = fact(isOpen, ["execute"], `no_new_privs is ${isOpen ? "not " : ""}set, says the host`);
  return row("no-new-privs", "process", "gaining rights by starting a program", said);
}

function boundaryRow(status: ReadonlyMap<string, string>): Observation {
  const isOpen = status.get("Seccomp") !== "2";
  const said = fact(isOpen, ["execute"], `${isOpen ? "no" : "a"} seccomp filter is in force, says the host`);
  return row("syscall-boundary", "process", "the host kernel's system calls", said);
}

/** The host's kernel shows each id as the host knows it, whatever the process calls itself. */
function identityRow(status: ReadonlyMap<string, string>): Observation {
  const isRoot = status.get("Uid")?.split(/\s+/)[1] === "0";
  const said = fact(isRoot, ["execute"], `${isRoot ? "root" : "not root"} outside, says the host`);
  return row("user-identity", "process", "root of the host's user namespace", said);
}

function rootRow(mountinfo: string): Observation | undefined {
  const mount = mountOf(parseMountinfo(mountinfo), "/");
  if (mount === undefined) return undefined;
  const said = fact(
    !mount.isReadOnly,
    ["write"],
    `the root is mounted ${mount.isReadOnly ? "read-only" : "read-write"}`,
  );
  return row("root-filesystem", "filesystem", "the root directory", said);
}

/** The inventory as the host has it: what a process inside could hide from its own table. A kernel of its own has other mounts. */
function mountRows(mountinfo: string, { home, workspace }: { home?: string; workspace?: string }): Observation[] {
  const facts = { home, workspace };
  return byPath(parseMountinfo(mountinfo)).map((line) => {
    const shown = showPath({ facts }, line.path);
    const access: Observation["access"] = line.isReadOnly ? ["read"] : ["read", "write"];
    const detail = `${line.fsType} ${line.isReadOnly ? "ro" : "rw"}, says the host`;
    return row(`mount:${named(shown)}`, "filesystem", shown.slice(0, 300), fact(true, access, detail));
  });
}

const NAMESPACE_IDS = [
  ["pid", "namespace:pid", "process"],
  ["mnt", "namespace:mnt", "process"],
  ["net", "host-network-namespace", "network"],
  ["ipc", "host-ipc", "cross-boundary"],
  ["uts", "host-uts", "cross-boundary"],
] as const;

function namespaceRows(own: Readonly<Record<string, string>>, host: Readonly<Record<string, string>>): Observation[] {
  return NAMESPACE_IDS.map(([kind, id, category]) => {
    const isShared = own[kind] !== undefined && own[kind] === host[kind];
    const detail = isShared ? "the host's own, says the host" : "its own, says the host";
    return row(id, category, `the host's ${kind} namespace`, fact(isShared, ["list"], detail));
  });
}
