import {
  closeSync,
  lstatSync,
  lutimesSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "../base/errors.ts";

/**
 * A sentinel: a file that nobody has a reason to open. Its access time is set before its modification time, so that
 * under `relatime` (the kernel's default) the first read moves it, which a look from outside sees without any
 * privilege. One read is seen once until it is armed again. A mount with `noatime`, or a read-only one, sees nothing:
 * arming finds that out on a file beside it and says so.
 */
export type Sentinel = {
  path: string;
  /** Sets the trap again after it rang. */
  arm(): void;
  stop(): void;
};

export type SentinelOutcome = { status: "armed"; sentinel: Sentinel } | { status: "blind"; reason: string };

const LOOK_MS = 20;
const LONG_AGO = new Date("2020-01-01T00:00:00Z");
const LATER = new Date("2020-01-02T00:00:00Z");

/** Writes the file and watches it from outside. `onRead` is called once a read, at most LOOK_MS late. */
export function plantSentinel(path: string, content: string, onRead: () => void): SentinelOutcome {
  writeFileSync(path, content, { mode: 0o644, flag: "wx" });
  if (!movesOnRead(join(dirname(path), `.${process.pid}.atime`))) {
    rmSync(path);
    return { status: "blind", reason: "reads do not move access times on this file system" };
  }
  const arm = () => lutimesSync(path, LONG_AGO, LATER);
  arm();
  const timer = setInterval(() => {
    const accessed = accessTimeMs(path);
    if (accessed === undefined || accessed === LONG_AGO.getTime()) return;
    arm();
    onRead();
  }, LOOK_MS);
  timer.unref();
  return { status: "armed", sentinel: { path, arm, stop: () => clearInterval(timer) } };
}

function movesOnRead(path: string): boolean {
  writeFileSync(path, "x", { flag: "wx" });
  try {
    utimesSync(path, LONG_AGO, LATER);
    const fd = openSync(path, "r");
    try {
      readSync(fd, Buffer.alloc(1), 0, 1, 0);
    } finally {
      closeSync(fd);
    }
    return statSync(path).atimeMs !== LONG_AGO.getTime();
  } finally {
    rmSync(path);
  }
}

/** undefined when the file is gone: the clone was destroyed, which is no read. */
function accessTimeMs(path: string): number | undefined {
  try {
    return lstatSync(path).atimeMs;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
