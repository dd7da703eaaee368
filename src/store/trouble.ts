import Database from "better-sqlite3";
import { z } from "zod";
import { OperatorError } from "../base/errors.ts";

/** Runs one use of the database; what SQLite says about the disk becomes a line and a hint, anything else is a bug. */
export function asking<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (thrown) {
    throw asOperatorError(path, thrown) ?? thrown;
  }
}

/** undefined when it is no trouble a person could put right. */
function asOperatorError(path: string, thrown: unknown): OperatorError | undefined {
  if (!(thrown instanceof Database.SqliteError)) return undefined;
  const primary = /^SQLITE_[A-Z]+/.exec(thrown.code)?.[0] ?? "";
  const known = TROUBLE[primary];
  return known === undefined
    ? undefined
    : new OperatorError(`${known.what}: ${path} (${thrown.code})`, known.hint, { cause: thrown });
}

/** A value of a row, by its schema. Throws OperatorError naming the row when somebody else wrote there. */
export function read<T>(schema: z.ZodType<T>, value: unknown, row: string, path: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new OperatorError(
    `${row} in ${path} does not have the shape it should: ${z.prettifyError(parsed.error)}`,
    DAMAGED,
  );
}

/** JSON text of a row. Text that is none is damage as well. */
export function readJson<T>(schema: z.ZodType<T>, text: string, row: string, path: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError)
      throw new OperatorError(`${row} in ${path} is not JSON`, DAMAGED, { cause: thrown });
    throw thrown;
  }
  return read(schema, value, row, path);
}

const DAMAGED =
  "move the file aside and put back a copy of it; without one, a new one is begun and the findings are found anew";

const TROUBLE: Record<string, { what: string; hint: string }> = {
  SQLITE_CORRUPT: { what: "the store is damaged", hint: DAMAGED },
  SQLITE_NOTADB: { what: "the store is not a database", hint: DAMAGED },
  SQLITE_BUSY: { what: "the store is locked", hint: "another weakdoor is writing; wait for it, or end it" },
  SQLITE_LOCKED: { what: "the store is locked", hint: "another weakdoor is writing; wait for it, or end it" },
  SQLITE_FULL: { what: "the disk of the store is full", hint: "free some space; nothing was half written" },
  SQLITE_IOERR: { what: "the store cannot be read or written", hint: "look at the disk and its free space" },
  SQLITE_READONLY: { what: "the store cannot be written", hint: "run as the user who owns the state directory" },
  SQLITE_CANTOPEN: { what: "the store cannot be opened", hint: "run as the user who owns the state directory" },
  SQLITE_PERM: { what: "the store cannot be opened", hint: "run as the user who owns the state directory" },
};
