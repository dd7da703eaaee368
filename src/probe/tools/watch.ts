import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf } from "../../base/errors.ts";
import { parseStatus } from "../../guest/probe/facts.ts";

/**
 * A process of the sandbox as the host sees it while the agent runs: what it is, who started it, in which namespaces it stands.
 * What is confined by Landlock alone shows none of it in /proc and looks like its parent here.
 */
export type SeenProcess = {
  argv: readonly string[];
  /** Of its parents up to the sandbox's first process, nearest first. */
  ancestors: readonly number[];
  pid: number;
  /** Inodes by kind. */
  namespaces: Readonly<Record<string, string>>;
  /** Of /proc/<pid>/status: 0 none, 2 filtered; and how many filters. */
  seccomp: string;
  noNewPrivs: string;
  /** Names alone. */
  envNames: readonly string[];
  /** Of TCP sockets that listen: `127.0.0.1:8000`. */
  listens: readonly string[];
};

const KINDS = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
const EVERY_MS = 40;
const PROCESSES_MAX = 400;

export type Watch = {
  /** Every process that was seen, under each command line that it had. */
  seen(): SeenProcess[];
  stop(): Promise<void>;
};

/** Looks at the tree below `pid` again and again; `onSeen` hears of each process once for each command line. */
export function watchTree(pid: number, onSeen: (process: SeenProcess) => void): Watch {
  const seen = new Map<string, SeenProcess>();
  const controller = new AbortController();
  const look = () => {
    for (const { pid: child, ancestors } of below(pid, [])) {
      const argv = argvOf(child);
      if (argv.length === 0 || seen.size >= PROCESSES_MAX) continue;
      const key = `${child} ${argv.join("\0")}`;
      const before = seen.get(key);
      // What listens begins to later than it was started.
      const process = before === undefined ? processOf(child, ancestors, argv) : refreshed(before);
      if (process === undefined) continue;
      seen.set(key, process);
      if (before === undefined) onSeen(process);
    }
  };
  const looking = (async () => {
    while (!controller.signal.aborted) {
      look();
      await sleep(EVERY_MS);
    }
  })();
  return {
    seen: () => [...seen.values()],
    stop() {
      controller.abort();
      return looking;
    },
  };
}

function below(pid: number, ancestors: readonly number[]): { pid: number; ancestors: readonly number[] }[] {
  if (ancestors.length > 24) return [];
  const inner = [pid, ...ancestors];
  return childrenOf(pid).flatMap((child) => [{ pid: child, ancestors: inner }, ...below(child, inner)]);
}

function childrenOf(pid: number): number[] {
  return orGone(
    () =>
      readdirSync(`/proc/${pid}/task`).flatMap((task) =>
        orGone(
          () => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
          [],
        ),
      ),
    [],
  );
}

function argvOf(pid: number): string[] {
  return orGone(() => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1), []);
}

function processOf(pid: number, ancestors: readonly number[], argv: string[]): SeenProcess | undefined {
  return orGone(() => {
    const status = parseStatus(readFileSync(`/proc/${pid}/status`, "utf8"));
    const namespaces = Object.fromEntries(KINDS.map((kind) => [kind, readlinkSync(`/proc/${pid}/ns/${kind}`)]));
    const filters = status.get("Seccomp_filters") ?? "";
    return {
      pid,
      argv: argv.map((word) => word.slice(0, 2_000)).slice(0, 100),
      ancestors,
      namespaces,
      seccomp: `${status.get("Seccomp") ?? "?"}/${filters}`,
      noNewPrivs: status.get("NoNewPrivs") ?? "?",
      envNames: envNamesOf(pid),
      listens: listensOf(pid),
    };
  }, undefined);
}

function refreshed(process: SeenProcess): SeenProcess {
  const listens = new Set([...process.listens, ...listensOf(process.pid)]);
  return listens.size === process.listens.length ? process : { ...process, listens: [...listens].toSorted() };
}

function envNamesOf(pid: number): string[] {
  const entries = orGone(() => readFileSync(`/proc/${pid}/environ`, "utf8").split("\0"), []);
  const names = entries.map((entry) => entry.slice(0, Math.max(0, entry.indexOf("=")))).filter(Boolean);
  return [...new Set(names)].map((name) => name.slice(0, 60)).toSorted();
}

const LISTEN = "0A";

/** Sockets of this process alone, of those of its network namespace that listen. */
function listensOf(pid: number): string[] {
  const sockets = new Set(
    orGone(() => readdirSync(`/proc/${pid}/fd`), []).flatMap((fd) => {
      const target = orGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`), "");
      return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? [];
    }),
  );
  if (sockets.size === 0) return [];
  return ["tcp", "tcp6"].flatMap((table) =>
    orGone(() => readFileSync(`/proc/${pid}/net/${table}`, "utf8").split("\n").slice(1), []).flatMap((line) => {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      return state === LISTEN && sockets.has(inode) ? [addressOf(local)] : [];
    }),
  );
}

/** The kernel writes the words of an address in its own byte order. */
function addressOf(local: string): string {
  const [hex = "", port = ""] = local.split(":");
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  const isV6 = bytes.length === 16;
  const isAny = bytes.every((byte) => byte === "00");
  const isLoopback = isV6
    ? bytes.join("").endsWith("0000000001") && bytes.slice(0, 12).every((b) => b === "00")
    : bytes[0] === "7F";
  const name = isAny ? "any address" : isLoopback ? "loopback" : "one address";
  // A port that the kernel chose is another one each time.
  return `${name}${Number.parseInt(port, 16) >= 32_768 ? "" : `:${Number.parseInt(port, 16)}`}`;
}

function orGone<T>(ask: () => T, otherwise: T): T {
  try {
    return ask();
  } catch (thrown) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM", "EINVAL"].includes(errnoOf(thrown) ?? "")) return otherwise;
    throw thrown;
  }
}

/** The walls of `a` that `b` does not stand behind: namespaces of its own, more filters of system calls. */
export function wallsBeyond(a: SeenProcess, b: SeenProcess): string[] {
  const kinds = KINDS.filter((kind) => kind !== "cgroup" && a.namespaces[kind] !== b.namespaces[kind]);
  const filters = a.seccomp === b.seccomp ? [] : [`seccomp ${a.seccomp} against ${b.seccomp}`];
  return [...kinds.map((kind) => `${kind} namespace`), ...filters];
}
