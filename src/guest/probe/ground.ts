import { constants } from "node:fs";
import { access, lstat, open, opendir, readlink, stat, statfs } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";

/**
 * The ground the probe stands on: every question it can put to the kernel, and no other. All of them are harmless. A
 * refusal is a value with its errno, or with the reason why the answer would not be the kernel's; only what is no answer at
 * all is thrown.
 */
export type Ground = {
  /**
   * A table that the kernel makes (below /proc or /sys) or settings of which no value is kept (Git's); never another file of a
   * person. At most `bytesMax`.
   * Refused with NOT_THE_KERNELS when something else lies where the kernel's own should.
   */
  table(path: string, bytesMax?: number): Promise<Asked<string>>;
  link(path: string): Promise<Asked<string>>;
  /** Follows links. */
  stat(path: string): Promise<Asked<Thing>>;
  lstat(path: string): Promise<Asked<Thing>>;
  /** access(2): may this process, and does the mount let it? Nothing is opened. */
  access(path: string, mode: "read" | "write" | "execute"): Promise<Asked<true>>;
  /** At most `max` entries, by name. */
  list(path: string, max: number): Promise<Asked<{ entries: Entry[]; isWhole: boolean }>>;
  /** Opens and closes, reading and writing nothing. For files of the kernel whose permission is decided at open. */
  opens(path: string, mode?: "read" | "write"): Promise<Asked<true>>;
  /** Connects and closes, saying nothing. ETIMEDOUT when there was no answer in time. */
  connect(target: SocketPlace): Promise<Asked<true>>;
  /** Signal 0: the kernel looks whether this process might signal that one, and sends nothing (kill(2)). `pid` above 0. */
  maySignal(pid: number): Promise<Asked<true>>;
};

export type Asked<T> = { status: "answered"; value: T } | { status: "refused"; errno: string };
export type Kind = "file" | "directory" | "link" | "socket" | "fifo" | "character" | "block" | "unknown";
export type Entry = { name: string; kind: Kind };
/** `mode` the permission bits with set-user-id, set-group-id and sticky; `changedMs` its change time, since 1970. */
export type Thing = {
  kind: Kind;
  size: number;
  mode: number;
  uid: number;
  dev: number;
  ino: number;
  changedMs: number;
};
export type SocketPlace = { path: string } | { abstract: string } | { host: string; port: number };

const TABLE_BYTES_MAX = 256 * 1024;
const CONNECT_MS_MAX = 250;

export const kernel: Ground = {
  table: (path, bytesMax = TABLE_BYTES_MAX) => ofTheKernel(path, path, () => readTable(path, bytesMax)),
  link: (path) => ofTheKernel(path, dirname(path), () => readlink(path)),
  stat: (path) => ask(async () => thing(await stat(path))),
  lstat: (path) => ask(async () => thing(await lstat(path))),
  access: (path, mode) =>
    ask(async () => {
      await access(path, ACCESS[mode]);
      return true as const;
    }),
  list: (path, max) => ofTheKernel(path, path, () => list(path, max)),
  opens: (path, mode = "read") =>
    ask(async () => {
      const file = await open(path, (mode === "read" ? constants.O_RDONLY : constants.O_WRONLY) | QUIETLY);
      await file.close();
      return true as const;
    }),
  connect: connectAndClose,
  maySignal: (pid) =>
    ask(async () => {
      // 0 and below are whole groups of processes, and nobody means those here.
      if (!Number.isSafeInteger(pid) || pid <= 0) throw new RangeError("a process number is expected");
      process.kill(pid, 0);
      return true as const;
    }),
};

const ACCESS = { read: constants.R_OK, write: constants.W_OK, execute: constants.X_OK } as const;

/** A FIFO without a writer must not hold us, and a terminal must not become ours. */
const QUIETLY = constants.O_NONBLOCK | constants.O_NOCTTY;

async function readTable(path: string, bytesMax: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | QUIETLY);
  try {
    // Empty or full, what comes out of a pipe is nobody's table.
    if ((await file.stat()).isFIFO()) throw Object.assign(new Error("a FIFO"), { code: "ESPIPE" });
    const buffer = Buffer.alloc(bytesMax);
    let length = 0;
    while (length < bytesMax) {
      const { bytesRead } = await file.read(buffer, length, bytesMax - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.toString("utf8", 0, length);
  } finally {
    await file.close();
  }
}

async function list(path: string, max: number): Promise<{ entries: Entry[]; isWhole: boolean }> {
  const entries: Entry[] = [];
  const directory = await opendir(path, { bufferSize: Math.min(max, 256) });
  try {
    for (let entry = await directory.read(); entry !== null; entry = await directory.read()) {
      if (entries.length === max) return { entries: sorted(entries), isWhole: false };
      entries.push({ name: entry.name, kind: kindOf(entry) });
    }
  } finally {
    await directory.close();
  }
  return { entries: sorted(entries), isWhole: true };
}

function sorted(entries: Entry[]): Entry[] {
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** In place of an errno. */
export const NOT_THE_KERNELS = "another file lies in the place of the kernel's";

/** What the probe takes the kernel's word from. Others are masked or emulated by runtimes, and that is a row of its own. */
const TAKEN_ON_TRUST = /^\/proc(?:\/(?:self|net|sys|version|[12])(?:\/|$)|$)/;
/** include/uapi/linux/magic.h, PROC_SUPER_MAGIC. */
const PROC = 0x9fa0;

/** `at`: what must lie on procfs for the answer to be the kernel's. A file mounted there, or a whole directory, may say anything. */
async function ofTheKernel<T>(path: string, at: string, question: () => Promise<T>): Promise<Asked<T>> {
  if (!TAKEN_ON_TRUST.test(path)) return ask(question);
  const system = await ask(() => statfs(at));
  // gVisor tells it of the mount and of no file in it.
  if (system.status === "refused") return system.errno === "ENOSYS" ? ask(question) : system;
  return system.value.type === PROC ? ask(question) : { status: "refused", errno: NOT_THE_KERNELS };
}

type Kinded = {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isSocket(): boolean;
  isFIFO(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
};

function kindOf(of: Kinded): Kind {
  if (of.isFile()) return "file";
  if (of.isDirectory()) return "directory";
  if (of.isSymbolicLink()) return "link";
  if (of.isSocket()) return "socket";
  if (of.isFIFO()) return "fifo";
  if (of.isCharacterDevice()) return "character";
  return of.isBlockDevice() ? "block" : "unknown";
}

type Stats = Kinded & { size: number; mode: number; uid: number; dev: number; ino: number; ctimeMs: number };

function thing(stats: Stats): Thing {
  const { size, mode, uid, dev, ino, ctimeMs } = stats;
  return { kind: kindOf(stats), size, mode: mode & 0o7777, uid, dev, ino, changedMs: ctimeMs };
}

function connectAndClose(target: SocketPlace): Promise<Asked<true>> {
  const where = "abstract" in target ? { path: `\0${target.abstract}` } : target;
  return new Promise((resolve) => {
    const socket = connect(where);
    const settle = (asked: Asked<true>) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(asked);
    };
    // An answer that came while this process had to wait for the processor is taken first.
    const late = () => setImmediate(() => settle({ status: "refused", errno: "ETIMEDOUT" }));
    const timer = setTimeout(late, CONNECT_MS_MAX);
    socket.once("connect", () => settle({ status: "answered", value: true }));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      settle({ status: "refused", errno: error.code ?? "unknown" }),
    );
  });
}

async function ask<T>(question: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { status: "answered", value: await question() };
  } catch (thrown) {
    if (
      thrown instanceof Error &&
      "code" in thrown &&
      typeof thrown.code === "string" &&
      /^E[A-Z0-9]+$/.test(thrown.code)
    ) {
      return { status: "refused", errno: thrown.code };
    }
    throw thrown;
  }
}
