import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../base/errors.ts";
import type { Marks } from "./account.ts";

/**
 * What says in E2B's metadata that a machine is ours and whose: an account may be shared, and what another installation made is
 * its own to end, so each run directory has an id of its own.
 */
export function ownMarks(runDirectory: string): Marks {
  return { weakdoor: installationOf(runDirectory) };
}

export function marksOf(runDirectory: string, name: string): Marks {
  return { ...ownMarks(runDirectory), weakdoorName: name };
}

/** Metadata is text from outside: only a name of ours is one. */
export function nameOf(marks: Marks): string | undefined {
  const name = marks["weakdoorName"];
  return name !== undefined && /^wd-[A-Za-z0-9][A-Za-z0-9.-]{0,200}$/.test(name) ? name : undefined;
}

/** Made once. */
function installationOf(runDirectory: string): string {
  const path = join(runDirectory, "e2b-installation");
  mkdirSync(runDirectory, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, randomUUID(), { flag: "wx", mode: 0o600 });
  } catch (thrown) {
    if (errnoOf(thrown) !== "EEXIST") throw thrown;
  }
  return readFileSync(path, "utf8");
}
