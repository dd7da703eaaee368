import Database from "better-sqlite3";
import { OperatorError } from "../base/errors.ts";

/**
 * One holder at a time over all processes of the machine. The lock is the kernel's own on a file (through SQLite,
 * which takes it with fcntl): it goes when its holder goes, by a crash or SIGKILL too, so that no stale lock is ever
 * left for somebody to judge by a process id.
 */
export type Lock = {
  /** Waits for its turn, blocking. Throws OperatorError when the turn does not come within `waitMs`. */
  hold<T>(work: () => T): T;
  close(): void;
};

/** Makes the file when it is not there. Throws SQLite's error when it cannot. */
export function openLock(path: string, waitMs = 15_000): Lock {
  const file = new Database(path, { timeout: waitMs });
  const begin = file.prepare("BEGIN EXCLUSIVE");
  const commit = file.prepare("COMMIT");
  return {
    hold(work) {
      take(begin, path);
      try {
        return work();
      } finally {
        commit.run();
      }
    },
    close: () => file.close(),
  };
}

function take(begin: Database.Statement, path: string): void {
  try {
    begin.run();
  } catch (thrown) {
    if (sqliteCodeOf(thrown) !== "SQLITE_BUSY") throw thrown;
    const hint = `see which process holds ${path} (for example with: fuser ${path}) and let it end`;
    throw new OperatorError("another process holds the log and does not let go", hint, { cause: thrown });
  }
}

/** SQLITE_BUSY, SQLITE_FULL, SQLITE_CANTOPEN…, else undefined. */
export function sqliteCodeOf(thrown: unknown): string | undefined {
  return thrown instanceof Database.SqliteError ? thrown.code : undefined;
}
