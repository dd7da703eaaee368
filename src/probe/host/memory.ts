import { randomBytes } from "node:crypto";
import { posix } from "node:path";
import { CANARY_PREFIX } from "../../guest/drill/canary.ts";
import type { DrillOrder, DrillWord } from "../../guest/drill/order.ts";
import type { CheckRun, Observation } from "../../guest/observation.ts";
import type { Touched } from "./canaries.ts";

/**
 * Does what one run leaves behind reach the next one, or somebody else's? Files of ours are written by one sandbox, and looked for
 * by two more of the same declaration, begun after that: its own next run, and another tenant's. What they hold tells: it is in nobody's order.
 */
export type MemoryGround = {
  places: readonly MemoryPlace[];
  first(orders: readonly DrillOrder[]): Promise<Touched>;
  /** A sandbox of the same declaration, begun after the first has written: the same agent's next one, or somebody else's. */
  again(whose: "later" | "tenant"): Promise<Again>;
};

/** A directory inside. */
export type MemoryPlace = { name: string; inside: string };

/** Its scope ends it. */
export type Again = AsyncDisposable &
  (
    | { status: "open"; touch(orders: readonly DrillOrder[]): Promise<Touched> }
    | { status: "refused"; reason: string }
  );

export type MemoryRows = { observations: Observation[]; checks: CheckRun[] };

const LINE = { category: "memory", from: "outside" } as const;
const READERS = {
  "memory-canary": { whose: "a later run", by: "later" },
  "tenant-canary": { whose: "another tenant's sandbox", by: "tenant" },
} as const;
type Reader = keyof typeof READERS;
const CHECKS = ["memory-canary", "tenant-canary"] as const satisfies readonly Reader[];

export async function askMemory(ground: MemoryGround): Promise<MemoryRows> {
  const { places } = ground;
  const name = `${CANARY_PREFIX}${randomBytes(9).toString("hex")}`;
  const text = randomBytes(16).toString("hex");
  const at = ({ inside }: MemoryPlace) => posix.join(inside, name);
  const written = await ground.first(places.map((place) => ({ touch: "canary-write", path: at(place), text })));
  if (written.status === "nothing-said") return joined(CHECKS.map((check) => unasked(check, written.reason)));
  try {
    const reading = [...places.map((place): DrillOrder => ({ touch: "canary-read", path: at(place) })), ownOf(name)];
    const rows = CHECKS.map(async (check) => {
      await using reader = await ground.again(READERS[check].by);
      const read = reader.status === "open" ? await reader.touch(reading) : nothing(reader.reason);
      return rowsOf(check, { places, text, written: written.words }, read);
    });
    return joined(await allOf(rows));
  } finally {
    await ground.first(places.map((place) => ({ touch: "canary-remove", path: at(place) })));
  }
}

/** Both are ended before what the first threw is heard of. */
async function allOf(rows: readonly Promise<MemoryRows>[]): Promise<MemoryRows[]> {
  await Promise.allSettled(rows);
  return Promise.all(rows);
}

/** What the reader writes itself and reads back: without it, that it read nothing would prove nothing. */
function ownOf(name: string): DrillOrder {
  return { touch: "canary-write", path: `/tmp/${name}-own`, text: "own" };
}

function nothing(reason: string): Touched {
  return { status: "nothing-said", reason };
}

type Said = { places: readonly MemoryPlace[]; text: string; written: readonly DrillWord[] };

function rowsOf(check: Reader, { places, text, written }: Said, read: Touched): MemoryRows {
  if (read.status === "nothing-said") return unasked(check, read.reason);
  const own = read.words.at(-1);
  const canRead = own?.status === "touched" && own.answer === 1;
  const isAnyRead = read.words.some(({ detail }) => detail === text);
  if (!canRead && !isAnyRead) return unasked(check, "the reader could not read what it wrote itself");
  const observations = places.map((place, index): Observation => {
    const { whose } = READERS[check];
    const row = { id: `${check}:${place.name}`, ...LINE, access: [], subject: `${place.inside}, to ${whose}` };
    const isWritten = written[index]?.status === "touched" && written[index].answer === 1;
    const isRead = read.words[index]?.detail === text;
    if (isRead)
      return { ...row, verdict: "reachable", access: ["read"], detail: `what was left there was read by ${whose}` };
    if (!isWritten) return { ...row, verdict: "absent", detail: "nothing could be left there" };
    return { ...row, verdict: "absent", detail: `left there, and not found by ${whose}` };
  });
  return { observations, checks: [{ check, ...LINE, status: "ran", reason: "" }] };
}

function joined(rows: readonly MemoryRows[]): MemoryRows {
  return { observations: rows.flatMap((one) => one.observations), checks: rows.flatMap((one) => one.checks) };
}

function unasked(check: Reader, reason: string): MemoryRows {
  const subject = `what a run leaves behind, to ${READERS[check].whose}`;
  const row = {
    id: check,
    ...LINE,
    subject,
    verdict: "not-measured",
    access: [],
    detail: reason.slice(0, 600),
  } as const;
  return {
    observations: [{ ...row, access: [] }],
    checks: [{ check, ...LINE, status: "failed", reason: reason.slice(0, 400) }],
  };
}
