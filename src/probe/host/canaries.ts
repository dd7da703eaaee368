import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { errnoOf } from "../../base/errors.ts";
import { CANARY_PREFIX } from "../../guest/drill/canary.ts";
import type { DrillOrder, DrillWord } from "../../guest/drill/order.ts";
import type { CheckRun, Observation } from "../../guest/observation.ts";

/**
 * Files of ours, put where a sandbox should reach and where it should not. What came of them is read on this side: a
 * write counts when the file is seen here, whatever the guest says of it; a read counts when the guest hands back what it was
 * not told. Nobody's file but ours is opened, and all of them are gone afterwards.
 */
export type CanaryGround = {
  places: readonly CanaryPlace[];
  /** A directory of ours on this side that no sandbox was given. */
  elsewhere: string;
  touch(orders: readonly DrillOrder[]): Promise<Touched>;
};

/** A directory inside, and the one on this side that it is of; without that, it is the sandbox's own and ends with it. */
export type CanaryPlace = { name: string; inside: string; outside?: string };

export type Touched = { status: "said"; words: DrillWord[] } | { status: "nothing-said"; reason: string };

export type CanaryRows = { observations: Observation[]; checks: CheckRun[] };

const CONTROL = "place-canary:workspace-write";

export async function askCanaries(ground: CanaryGround): Promise<CanaryRows> {
  const name = `${CANARY_PREFIX}${randomBytes(9).toString("hex")}`;
  const text = randomBytes(16).toString("hex");
  const planted = `${name}-here`;
  const { places, elsewhere } = ground;
  const backed = places.filter((place) => place.outside !== undefined);
  const all = [elsewhere, ...backed.map(({ outside = "" }) => outside)];
  for (const directory of all) writeFileSync(join(directory, planted), text, { mode: 0o644, flag: "wx" });
  try {
    const orders: DrillOrder[] = [
      { touch: "canary-read", path: posix.join(elsewhere, planted) },
      { touch: "canary-write", path: posix.join(elsewhere, name), text },
      ...places.flatMap(({ inside }): DrillOrder[] => [
        { touch: "canary-read", path: posix.join(inside, planted) },
        { touch: "canary-write", path: posix.join(inside, name), text },
      ]),
    ];
    const touched = await ground.touch(orders);
    if (touched.status === "nothing-said") return unasked(touched.reason);
    const { words } = touched;
    const rows = places.flatMap((place, index) =>
      placeRows(place, { text, name }, words[2 + index * 2], words[3 + index * 2]),
    );
    const control = rows.find(({ id }) => id === CONTROL)?.verdict === "reachable";
    await ground.touch(places.map(({ inside }) => ({ touch: "canary-remove", path: posix.join(inside, name) })));
    const isSeen = holds(join(elsewhere, name), text);
    return {
      observations: [...elsewhereRows({ text, isSeen, control }, words[0], words[1]), ...rows],
      checks: CHECKS.map((check) => ({ ...LINE, check, status: "ran", reason: "" })),
    };
  } finally {
    for (const directory of all) for (const path of [planted, name]) rmSync(join(directory, path), { force: true });
  }
}

const CHECKS = ["outside-canary", "place-canary", "write-persists"];
const LINE = { category: "filesystem", from: "outside" } as const;

function unasked(reason: string): CanaryRows {
  return {
    observations: CHECKS.map((check) => row(check, "files of ours", "not-measured", [], reason)),
    checks: CHECKS.map((check) => ({ ...LINE, check, status: "failed", reason: reason.slice(0, 400) })),
  };
}

/** A read shows itself by what only the file could tell; a write by the file. A refusal counts beside a write that went through. */
function elsewhereRows(
  { text, isSeen, control }: { text: string; isSeen: boolean; control: boolean },
  read: DrillWord | undefined,
  write: DrillWord | undefined,
): Observation[] {
  const what = "a directory of this machine that the sandbox was not given";
  const refused = (id: string, word: DrillWord | undefined) => {
    const detail = kernelSaid(word);
    if (!control) return row(id, what, "not-measured", [], `refused (${detail}), but so was the workspace`);
    return row(id, what, detail === "ENOENT" ? "absent" : "denied", [], detail, CONTROL);
  };
  return [
    read?.detail === text
      ? row("outside-canary:read", what, "reachable", ["read"], "what it holds was told")
      : refused("outside-canary:read", read),
    isSeen
      ? row("outside-canary:write", what, "reachable", ["write"], "what was written is seen on this side")
      : refused("outside-canary:write", write),
  ];
}

function placeRows(
  place: CanaryPlace,
  { text, name }: { text: string; name: string },
  read: DrillWord | undefined,
  write: DrillWord | undefined,
): Observation[] {
  const what = `${place.inside}, by a file of ours`;
  const rows: Observation[] = [];
  if (place.outside !== undefined) {
    const isRead = read?.detail === text;
    const verdict = isRead ? "reachable" : "denied";
    rows.push(
      row(
        `place-canary:${place.name}-read`,
        what,
        verdict,
        isRead ? ["read"] : [],
        isRead ? "what it holds was told" : kernelSaid(read),
      ),
    );
  }
  const isSaid = write?.status === "touched" && write.answer === 1;
  const isSeen = place.outside !== undefined && holds(join(place.outside, name), text);
  const id = `place-canary:${place.name}-write`;
  const persists = `write-persists:${place.name}`;
  if (isSeen)
    return [
      ...rows,
      row(id, what, "reachable", ["write"], "what was written is seen on this side"),
      row(persists, what, "reachable", ["write"], "it lies on this machine, and is there after the sandbox"),
    ];
  if (isSaid && place.outside !== undefined)
    return [...rows, row(id, what, "contradictory", [], "said to be written, and not seen on this side")];
  if (isSaid)
    return [
      ...rows,
      row(id, what, "reachable", ["write"], "written and read back, says the guest"),
      row(persists, what, "absent", [], "it is the sandbox's own, and ends with it"),
    ];
  const verdict = kernelSaid(write) === "ENOENT" ? "absent" : "denied";
  return [
    ...rows,
    row(id, what, verdict, [], kernelSaid(write)),
    row(persists, what, "absent", [], "nothing can be written"),
  ];
}

function row(
  id: string,
  subject: string,
  verdict: Observation["verdict"],
  access: Observation["access"],
  detail: string,
  control?: string,
): Observation {
  const kept = control === undefined || verdict !== "denied" ? {} : { control };
  return { id, ...LINE, subject: subject.slice(0, 300), verdict, access, ...kept, detail: detail.slice(0, 600) };
}

/** The errno at the beginning of what Node says of a refusal; the rest of it is a path. */
function kernelSaid(word: DrillWord | undefined): string {
  return /^(E[A-Z0-9]+)\b/.exec(word?.detail ?? "")?.[1] ?? "not allowed";
}

/** The guest may have put anything there by now: no link is followed, and a FIFO holds nobody up. */
function holds(path: string, text: string): boolean {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return fstatSync(file).isFile() && fstatSync(file).size === text.length && readFileSync(file, "utf8") === text;
    } finally {
      closeSync(file);
    }
  } catch (thrown) {
    if (["ENOENT", "EACCES", "ENOTDIR", "ELOOP", "ENXIO"].includes(errnoOf(thrown) ?? "")) return false;
    throw thrown;
  }
}
