import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { readBounded } from "../base/files.ts";
import { sha256Hex } from "../base/hash.ts";
import { type Allowlist, FILE_BYTES_MAX, loadAllowlist } from "./allowlist.ts";

/**
 * The lists as files that may change while a cycle runs. CONTROL reads and checks them, never the gateway: it needs no right
 * to open them, and what it is handed is whole. They are read again each second and compared by their bytes, because what a
 * file system tells of changes differs by file system and is lost when a file is replaced, and a signal could not say
 * what became of it. A list is a few kilobytes.
 */
export type Lists = {
  allowlists: Allowlist[];
  /** The secrets that their rules name, by the name of the variable. */
  secrets: Record<string, string>;
};

export type SecretOf = (name: string) => string | undefined;

/** Throws OperatorError when one cannot be read, is wrong or expired, or names a secret that is not set: then none counts. */
export async function loadLists(paths: readonly string[], secretOf: SecretOf, now: Date): Promise<Lists> {
  const allowlists = await Promise.all(paths.map((path) => loadAllowlist(path, now)));
  const secrets: Record<string, string> = {};
  for (const { purpose, rules } of allowlists) {
    for (const { id, inject } of rules) {
      if (inject === undefined) continue;
      const value = secretOf(inject.secretEnv);
      if (value === undefined) {
        throw new OperatorError(
          `${purpose}.yaml: ${id} puts in ${inject.secretEnv}, which is not set`,
          `set ${inject.secretEnv} where weakdoor runs, or take inject out of the rule`,
        );
      }
      if (!/^[\x21-\x7e]{1,4096}$/.test(value)) {
        throw new OperatorError(
          `${inject.secretEnv} cannot stand in a header`,
          "give it as one line of ASCII without spaces, at most 4096 characters",
        );
      }
      secrets[inject.secretEnv] = value;
    }
  }
  return { allowlists, secrets };
}

/**
 * Calls `onChange` whenever the bytes of a file are no longer those of the last look, until the signal; one call at a time, and
 * what it throws ends this. `before` is a fingerprint from before the lists were first read, so that no change falls between.
 */
export async function followLists(
  paths: readonly string[],
  before: string,
  onChange: () => Promise<void>,
  signal: AbortSignal,
  everyMs = 1_000,
): Promise<void> {
  let last = before;
  while (await isTimeUp(everyMs, signal)) {
    const now = await fingerprintOf(paths);
    if (now === last || signal.aborted) continue;
    last = now;
    await onChange();
  }
}

/** Of the bytes, or of the reason why there are none. */
export async function fingerprintOf(paths: readonly string[]): Promise<string> {
  const each = await Promise.all(
    paths.map(async (path) => {
      try {
        const { bytes, isWhole } = await readBounded(path, FILE_BYTES_MAX);
        return isWhole ? sha256Hex(bytes) : "too long";
      } catch (thrown) {
        const code = errnoOf(thrown);
        if (code === undefined) throw thrown;
        return code;
      }
    }),
  );
  return each.join(" ");
}

/** False when the signal came first. */
async function isTimeUp(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal, ref: false });
    return true;
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    return false;
  }
}
