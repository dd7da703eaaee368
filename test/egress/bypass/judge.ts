import { randomBytes } from "node:crypto";
import { messageOf } from "../../../src/base/errors.ts";
import {
  type Attempt,
  type Bench,
  type BypassCase,
  type Control,
  type Judged,
  Unsent,
  type Verdict,
} from "./case.ts";
import type { Door } from "./door.ts";
import type { Sighting, World } from "./world.ts";

/** What was sent a moment ago may still be on its way. */
const SETTLE_MS = 150;
const SEEN_WITHIN_MS = 5_000;
/** Few enough that no proxy refuses one for being one too many. */
const AT_ONCE = 6;

/** Tries one case through every door. Blocked is only what was tried, seen nowhere, and stands between two passed controls. */
export async function judge(one: BypassCase, bench: Bench, world: World): Promise<Judged> {
  const { number, name } = one;
  return { number, name, verdict: await verdictOf(one, bench, world) };
}

async function verdictOf(one: BypassCase, bench: Bench, world: World): Promise<Verdict> {
  if (one.needs.includes("sandbox") && bench.sandbox === null) {
    return { status: "not-run", reason: "a proxy alone has no say in it: it is for the sandbox to shut" };
  }
  const isLast = one.needs.includes("withdrawal");
  if (isLast && bench.withdrawals.length === 0)
    return { status: "not-run", reason: "no way to take a permission back" };
  // Of what does not go by a door, and of what can be done once, once is enough.
  const doors = one.needs.length > 0 ? bench.doors.slice(0, 1) : bench.doors;
  const unmade = new Set(one.attempts);
  let made = 0;
  const open: string[] = [];
  for (const door of doors) {
    const before = await failedControl(one.allowed, door, bench, world);
    if (before === "unsent") continue;
    if (before !== null) return { status: "not-run", reason: before.why };
    await inParallel(one.attempts, async (attempt) => {
      const mark = newMark();
      const outcome = await make(attempt, door, mark, bench);
      if (outcome === "unsent") return;
      made++;
      unmade.delete(attempt);
      await sleep(SETTLE_MS);
      const [through] = world.seen(mark).filter((one) => attempt.isThrough?.(one) ?? true);
      if (through !== undefined) open.push(`${attempt.name} (${door.name}: ${told(through)})`);
      else if (outcome === "through") open.push(`${attempt.name} (${door.name})`);
    });
    if (isLast) break;
    const lasting = one.allowed.filter(({ isOnce }) => isOnce !== true);
    const after = await failedControl(lasting, door, bench, world);
    if (after !== null && after !== "unsent")
      return { status: "not-run", reason: `after the attempts: ${after.why}` };
  }
  if (open.length > 0) return { status: "open", by: open };
  const [missing] = unmade;
  if (missing !== undefined) return { status: "not-run", reason: `no door can carry it: ${missing.name}` };
  return { status: "blocked", attempts: made };
}

/** Most of an attempt is waiting for what does not come. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function make(
  attempt: Attempt,
  door: Door,
  mark: string,
  bench: Bench,
): Promise<"through" | "made" | "unsent"> {
  try {
    return (await attempt.run(door, mark, bench)) ?? "made";
  } catch (thrown) {
    if (thrown instanceof Unsent) return "unsent";
    throw new Error(`${attempt.name} (${door.name}): ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** Why this door cannot be tried, if so. */
async function failedControl(
  controls: readonly Control[],
  door: Door,
  bench: Bench,
  world: World,
): Promise<{ why: string } | "unsent" | null> {
  for (const control of controls) {
    const mark = newMark();
    try {
      await control.run(door, mark, bench);
    } catch (thrown) {
      if (thrown instanceof Unsent) return "unsent";
      return { why: `the control failed: ${control.name} (${door.name}): ${messageOf(thrown)}` };
    }
    const isSeen = () => world.seen(mark).some((one) => control.isPassed(one)) || control.isPassed(NOTHING);
    const endsAtMs = performance.now() + SEEN_WITHIN_MS;
    while (!isSeen() && performance.now() < endsAtMs) await sleep(20);
    if (!isSeen()) return { why: `the control failed: ${control.name} (${door.name})` };
  }
  return null;
}

/** A control that passes on this asks for no sighting: it throws when it fails. */
const NOTHING: Sighting = { place: "", port: 0, by: "bytes", text: "", request: null };

function newMark(): string {
  return `m${randomBytes(10).toString("hex")}`;
}

function told({ place, port, by, request }: Sighting): string {
  return `${by} at ${place}:${port}${request === null ? "" : ` ${request.method} ${request.url.slice(0, 60)}`}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
