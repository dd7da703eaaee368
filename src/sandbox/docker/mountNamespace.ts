import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { errnoOf } from "../../base/errors.ts";
import { type Survey, surveyNow } from "../lookout.ts";
import { ownMounts } from "../looks.ts";

/**
 * Mounts as an engine sees them. A rootless one, or one that its service keeps apart, has a mount namespace of its own,
 * which nothing in our own list of mounts shows.
 */

/** `mnt:[…]` of a process; undefined when it is our own, or the process is gone. Throws EACCES when it is another user's. */
function foreignMountNamespace(pid: number): string | undefined {
  const namespace = namespaceOf(pid);
  return namespace === namespaceOf("self") ? undefined : namespace;
}

/** Mount points, by proc(5) the fifth field of each line. None when nobody is in the namespace any more: it is gone with its mounts. */
export function mountPoints(namespace: string | undefined, survey: Survey = surveyNow()): string[] {
  return linesIn(namespace, survey).map((line) => line.split(" ")[4] ?? "");
}

function linesIn(namespace: string | undefined, survey: Survey): string[] {
  if (namespace === undefined) return survey.of(ownMounts);
  const reader = memberOf(namespace);
  return reader === undefined ? [] : readFileSync(`/proc/${reader}/mountinfo`, "utf8").split("\n");
}

/** Throws when there is none to be seen and some could not be asked. */
function memberOf(namespace: string): string | undefined {
  let hidden = 0;
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (namespaceOf(entry) === namespace) return entry;
    } catch (thrown) {
      if (errnoOf(thrown) !== "EACCES") throw thrown;
      hidden++;
    }
  }
  if (hidden === 0) return undefined;
  throw new Error(`the engine's own mounts are not to be seen: ${hidden} processes are other users'`);
}

function namespaceOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ESRCH") return undefined;
    throw thrown;
  }
}

/** Where `file` is to be looked for: empty when it is mounted in our own sight. `engine` finds a process of the engine's. */
export function sightOf(file: string | undefined, engine: () => number | undefined): { mountNamespace?: string } {
  if (file === undefined || mountPoints(undefined).includes(file.replace(/^\/var\/run\//, "/run/"))) return {};
  const pid = engine();
  if (pid === undefined) return {};
  try {
    const foreign = foreignMountNamespace(pid);
    return foreign === undefined ? {} : { mountNamespace: foreign };
  } catch (thrown) {
    if (errnoOf(thrown) !== "EACCES") throw thrown;
    // No process will be found in it, and so the look says that it could not be made.
    return { mountNamespace: "hidden" };
  }
}
