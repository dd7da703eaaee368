import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { CANARY_PREFIX } from "../../guest/drill/canary.ts";
import type { DrillOrder } from "../../guest/drill/order.ts";
import type { CheckRun, Observation } from "../../guest/observation.ts";
import type { Touched } from "./canaries.ts";

/**
 * Does our own copier follow a link that was made inside? The sandbox lays links in its workspace that lead to files of ours
 * outside of it; the copier that makes every clone then copies that directory; and the copy is searched for what only those files
 * hold. (The class of kubectl cp, CVE-2019-1002101, and docker cp, CVE-2018-15664.)
 */
export type CopyGround = {
  /** The workspace inside, and on this side. */
  inside: string;
  outside: string;
  /** An empty directory of ours that no sandbox was given. */
  elsewhere: string;
  touch(orders: readonly DrillOrder[]): Promise<Touched>;
  /** Copies a directory as a cycle would, and says where the copy lies. */
  copy(directory: string): Promise<string>;
};

export type CopyRows = { observations: Observation[]; checks: CheckRun[] };

const CHECK = { check: "copy-out", category: "cross-boundary", from: "outside" } as const;

/** What each leads to is a file, or the directory around one. */
const KINDS = [
  { name: "link", how: "symbolic", isClimbing: false, isDirectory: false },
  { name: "climbing-link", how: "symbolic", isClimbing: true, isDirectory: false },
  { name: "directory-link", how: "symbolic", isClimbing: false, isDirectory: true },
  { name: "hard-link", how: "hard", isClimbing: false, isDirectory: false },
] as const;

export async function askCopyOut(ground: CopyGround): Promise<CopyRows> {
  const directory = `${CANARY_PREFIX}${randomBytes(9).toString("hex")}`;
  const laid = KINDS.map((kind) => ({ ...kind, ...plant(ground, directory, kind) }));
  const inside = posix.join(ground.inside, directory);
  const orders = laid.map(
    ({ name, to, how }): DrillOrder => ({ touch: "canary-link", path: posix.join(inside, name), to, how }),
  );
  const touched = await ground.touch(orders);
  try {
    if (touched.status === "nothing-said") return unasked(touched.reason);
    const made = join(ground.outside, directory);
    const there = laid.filter(({ name }) => lstatSync(join(made, name), { throwIfNoEntry: false }) !== undefined);
    if (there.length === 0) return unasked("no link could be made in the workspace");
    const texts = textsBelow(await ground.copy(made));
    const observations = laid.map((one) => {
      const isThere = there.includes(one);
      const isCopied = texts.some((text) => text.includes(one.text));
      return rowOf(one.name, isThere, isCopied);
    });
    return { observations, checks: [{ ...CHECK, status: "ran", reason: "" }] };
  } finally {
    await ground.touch([{ touch: "canary-remove", path: inside }]);
  }
}

type Kind = (typeof KINDS)[number];

/** The file outside, and how the link names it. */
function plant({ elsewhere, inside }: CopyGround, directory: string, kind: Kind): { text: string; to: string } {
  const text = randomBytes(16).toString("hex");
  const around = join(elsewhere, kind.name);
  mkdirSync(around, { mode: 0o755 });
  const path = join(around, "notes.txt");
  writeFileSync(path, text, { mode: 0o644 });
  const to = kind.isDirectory ? around : path;
  if (!kind.isClimbing) return { text, to };
  return { text, to: posix.relative(posix.join(inside, directory), "/").concat(to) };
}

function rowOf(name: string, isThere: boolean, isCopied: boolean): Observation {
  const row = { id: `copy-out:${name}`, category: CHECK.category, from: CHECK.from };
  const subject = `what our own copier makes of a ${name.replace("-", " ")} that leads out`;
  if (isCopied)
    return { ...row, subject, verdict: "reachable", access: ["read"], detail: "what lies outside is in the copy" };
  const detail = isThere ? "laid inside, and not followed" : "the sandbox could not make one";
  return { ...row, subject, verdict: "absent", access: [], detail };
}

function unasked(reason: string): CopyRows {
  const row = { id: CHECK.check, category: CHECK.category, from: CHECK.from, access: [] };
  const observation: Observation = {
    ...row,
    subject: "links that lead out",
    verdict: "not-measured",
    detail: reason,
  };
  return { observations: [observation], checks: [{ ...CHECK, status: "failed", reason: reason.slice(0, 400) }] };
}

/** Of every regular file; no link is followed. */
function textsBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
}
