import { posix } from "node:path";
import { resolvePlace, unplaced } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, isAbsence, named, notMeasured, reachable } from "../row.ts";
import { TRUST_FILES, TRUST_FILES_OF_HOME } from "./trust-places.ts";

const PLACES = [...TRUST_FILES, ...TRUST_FILES_OF_HOME];
const ENTRIES_MAX = 100;
/** The kernel tells when it was started in whole seconds. Milliseconds. */
const MARGIN_MS = 2_000;
/** Inode of the first pid namespace, PROC_PID_INIT_INO in the kernel's proc_ns.h. */
const FIRST_PID_NAMESPACE = "4026531836";
/** Of the numbers in /proc/PID/stat, on every architecture that Node runs on (proc_pid_stat(5), USER_HZ). */
const TICKS_PER_SECOND = 100;

export const trustFileChanged: Check = {
  id: "trust-file-changed",
  category: "memory",
  why: "A file that programs outside obey is another since this sandbox began: look at it before anything outside obeys it.",
  misses:
    "Who changed it, here or outside; what changed within two seconds of the start; below a directory's first level. In a cycle the host compares what they hold.",
  source: "stat(2), st_ctime, which no program sets at will; proc_pid_stat(5)",
  async run(context) {
    const launch = context.request.vantage === "lab" ? OWNERS : await launchMs(context);
    if (launch.status === "unknown")
      return { rows: [notMeasured("trust-file-changed", "files that programs outside obey", launch.reason)] };
    return { rows: await Promise.all(PLACES.map(([place, what]) => ask(context, place, what, launch.ms))) };
  },
};

async function ask(context: Context, place: string, what: string, launchedMs: number): Promise<Row> {
  const path = resolvePlace(context, place);
  if (path === undefined) return unplaced("trust-file-changed", place);
  const id = `trust-file-changed:${named(place)}`;
  const subject = `${place} (${what})`;
  const times = await timesOf(context, path);
  if (times.status === "refused") {
    if (isAbsence(times.errno)) return absent(id, subject, "not there");
    return notMeasured(id, subject, `cannot be asked: ${times.errno}`);
  }
  if (times.ms <= launchedMs + MARGIN_MS) return absent(id, subject, "as it was when this sandbox began");
  return reachable(id, subject, ["write"], "made or changed since this sandbox began", path);
}

/** The latest of it and, of a directory, what is right in it. */
async function timesOf(
  { ground }: Context,
  path: string,
): Promise<{ status: "told"; ms: number } | { status: "refused"; errno: string }> {
  const thing = await ground.lstat(path);
  if (thing.status === "refused") return thing;
  let ms = thing.value.changedMs;
  if (thing.value.kind !== "directory") return { status: "told", ms };
  const listed = await ground.list(path, ENTRIES_MAX);
  const names = listed.status === "answered" ? listed.value.entries.map(({ name }) => name) : [];
  const below = await Promise.all(names.map((name) => ground.lstat(posix.join(path, name))));
  for (const one of below) if (one.status === "answered") ms = Math.max(ms, one.value.changedMs);
  return { status: "told", ms };
}

/** The clone is handed from the lab's user to the target's while the lab stands. */
const OWNERS: Launch = { status: "unknown", reason: "what the lab is given, its owner makes ready while it stands" };

type Launch = { status: "known"; ms: number } | { status: "unknown"; reason: string };

/** Since 1970. When the kernel began, where it is the sandbox's own; else when the sandbox's first process did. */
async function launchMs({ ground, facts }: Context): Promise<Launch> {
  const stat = await ground.table("/proc/stat");
  const booted = stat.status === "answered" ? /^btime (\d+)$/m.exec(stat.value)?.[1] : undefined;
  if (booted === undefined) return { status: "unknown", reason: "the kernel does not tell when it began" };
  if (facts.isOwnKernel) return { status: "known", ms: Number(booted) * 1_000 };
  if (facts.namespaces["pid"] === undefined || facts.namespaces["pid"] === FIRST_PID_NAMESPACE)
    return { status: "unknown", reason: "process 1 is not the sandbox's own, so nothing tells when that began" };
  const first = await ground.table("/proc/1/stat");
  // The name in brackets may hold anything; the 22nd number is the 20th behind it.
  const ticks = first.status === "answered" ? first.value.replace(/^.*\)\s*/s, "").split(/\s+/)[19] : undefined;
  if (ticks === undefined || !/^\d+$/.test(ticks))
    return { status: "unknown", reason: "process 1 does not tell when it began" };
  return { status: "known", ms: (Number(booted) + Number(ticks) / TICKS_PER_SECOND) * 1_000 };
}
