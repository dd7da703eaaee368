import { closeSync, existsSync, fchmodSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { cyclesOf } from "./cycles.ts";
import { findingsOf } from "./findings.ts";
import { MIGRATIONS } from "./migrations.ts";
import type { Store } from "./store.ts";
import { asking } from "./trouble.ts";

export type OpenOptions = {
  /** Make the state directory and the file when they are not there; the default. Verbs that only read say no. */
  mayCreate?: boolean;
  /** How long to wait for another process that writes, in milliseconds. */
  busyMs?: number;
};

/**
 * Opens `<stateDir>/weakdoor.db`, readable by its owner alone, and takes its schema forward. Throws OperatorError when
 * it is not there and may not be made, was written by a newer weakdoor, or is in trouble.
 */
export function openStore(stateDir: string, { mayCreate = true, busyMs = 5_000 }: OpenOptions = {}): Store {
  const path = join(stateDir, "weakdoor.db");
  if (!mayCreate && !existsSync(path))
    throw new OperatorError(
      `nothing is stored in ${stateDir}`,
      "run weakdoor run first, or name the directory with --state",
    );
  touch(stateDir, path);
  const db = asking(path, () => new Database(path, { timeout: busyMs }));
  try {
    asking(path, () => prepare(db, path));
  } catch (thrown) {
    db.close();
    throw thrown;
  }
  return {
    ...cyclesOf(db, path),
    ...findingsOf(db, path),
    close: () => db.close(),
  };
}

/** SQLite gives the files beside it the mode of the main one, so that is set before it is opened. */
function touch(stateDir: string, path: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const fd = openSync(path, "a", 0o600);
    try {
      fchmodSync(fd, 0o600);
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === undefined) throw thrown;
    throw new OperatorError(
      `the store cannot be opened: ${path} (${errno})`,
      "look at the directory's owner and free space",
      {
        cause: thrown,
      },
    );
  }
}

function prepare(db: Database.Database, path: string): void {
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("foreign_keys = ON");
  const migrate = db.transaction(() => {
    const version = Number(db.pragma("user_version", { simple: true }));
    if (version > MIGRATIONS.length)
      throw new OperatorError(
        `${path} was written by a newer weakdoor (schema ${version}, this one knows ${MIGRATIONS.length})`,
        "use the newer version; a store is never taken back",
      );
    for (const step of MIGRATIONS.slice(version)) db.exec(step);
    db.pragma(`user_version = ${MIGRATIONS.length}`);
  });
  // Immediate, so that of two processes that open a new file at once the second sees the first one's schema.
  migrate.immediate();
}
