import { createHmac, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { errnoOf, OperatorError, throwIfStopped } from "../base/errors.ts";
import type { FakeMaker } from "../canaries/canaries.ts";
import { KEY_NAME } from "../canaries/key.ts";
import { allowedInHome, includedInWorkspace } from "./allowed.ts";
import { type Entry, gather, type Limits, type Tree } from "./copy.ts";
import { globs } from "./glob.ts";
import { freshHistory } from "./history.ts";
import type { Clone, Replacement, Skipped, StackPlace } from "./stack.ts";
import { type Done, stripFile } from "./strip/file.ts";
import { harvest } from "./strip/harvest.ts";
import { ENCODINGS, leakFinder, prove, type Trace } from "./strip/proof.ts";
import { propagation } from "./strip/propagate.ts";
import { spotsIn } from "./strip/spots.ts";
import type { Spot } from "./strip/strip.ts";
import { type Readable, readable } from "./text.ts";

export type CloneOptions = {
  /** Must not exist or be empty; becomes the clone's root. */
  out: string;
  fakes: FakeMaker;
  cycle: string;
  signal: AbortSignal;
  /** A larger file is skipped unread. Default 5 MiB. */
  fileBytesMax?: number;
};

/**
 * Copies a stack with every credential replaced, and proves it. What is read stays in memory until it is clean, so no real
 * credential is ever written to the clone's disk. Throws OperatorError when a place cannot be used or the disk is full, CloneNotClean when
 * a credential is left, the signal's reason when stopped; then nothing of the clone is left either.
 */
export async function cloneStack(place: StackPlace, options: CloneOptions): Promise<Clone> {
  const home: Tree = {
    name: "home",
    path: place.home,
    allowed: globs(allowedInHome(place.agents, place.include)),
    included: [],
  };
  return cloneTrees([home, workspaceTree(place.workspace, includedInWorkspace(place.include))], options);
}

/** Clones one directory as a workspace; the clone's home is empty. */
export async function cloneWorkspace(directory: string, options: CloneOptions): Promise<Clone> {
  return cloneTrees([workspaceTree(directory, [])], options);
}

function workspaceTree(path: string, included: readonly string[]): Tree {
  return { name: "workspace", path, allowed: undefined, included };
}

async function cloneTrees(trees: readonly Tree[], options: CloneOptions): Promise<Clone> {
  const { out, signal } = options;
  const limits: Limits = {
    fileBytesMax: options.fileBytesMax ?? 5 * 1024 * 1024,
    totalBytesMax: 512 * 1024 * 1024,
    entriesMax: 200_000,
  };
  for (const tree of trees) refuseBadPlace(tree, out);
  const isNew = !existsSync(out);
  try {
    const gathered = await gather(trees, limits, signal);
    const clean = await stripped(gathered.entries, options);
    mkdirSync(join(out, "home"), { recursive: true, mode: 0o700 });
    mkdirSync(join(out, "workspace"), { recursive: true, mode: 0o700 });
    await write(clean.entries, out, signal);
    const skipped = [...gathered.skipped, ...clean.skipped, ...(await history(clean.entries, out, signal))];
    const total = await prove(out, clean.traces, signal);
    const proof = { ...total, values: clean.values, encodings: ENCODINGS };
    return {
      root: out,
      home: join(out, "home"),
      workspace: join(out, "workspace"),
      replaced: clean.replaced,
      skipped,
      proof,
    };
  } catch (thrown) {
    remove(out, isNew);
    throw asOperatorError(thrown, out);
  }
}

type Text = Readable & { status: "text"; entry: Entry; spots: readonly Spot[] };
type Clean = { entries: Entry[]; replaced: Replacement[]; skipped: Skipped[]; traces: Trace[]; values: number };

/** First everything is found, then everything found is replaced everywhere. */
async function stripped(entries: readonly Entry[], { fakes, cycle, signal }: CloneOptions): Promise<Clean> {
  const found = harvest(fakes, cycle);
  const skipped: Skipped[] = [];
  const texts: Text[] = [];
  for (const entry of entries) {
    if (entry.kind !== "file") continue;
    throwIfStopped(signal);
    const text = readable(entry.bytes);
    if (text.status === "binary") skipped.push({ file: entry.file, reason: text.reason });
    else {
      const spots = await spotsIn(text.bytes.toString("latin1"), entry.file);
      for (const spot of spots) for (const secret of spot.secrets) found.fakeOf(entry.file)(secret);
      texts.push({ ...text, entry, spots });
    }
  }
  const harvested = found.all().filter(({ traces }) => traces.length > 0);
  const traces = harvested.flatMap(({ traces, kind }) => traces.map((text) => ({ text, kind })));
  const hitsIn = propagation(harvested, (line) => found.fakeOf("home")({ value: line, kind: "private-key" }));
  const leaksIn = leakFinder(traces);
  const keyed = hasher();
  const replaced: Replacement[] = [];
  const cleanBytes = new Map<Entry, Buffer>();
  for (const text of texts) {
    await setImmediate();
    throwIfStopped(signal);
    const { entry, bytes, spots } = text;
    const result = stripFile({ bytes, file: entry.file, spots, harvest: found, hitsIn, leaksIn });
    if (result.status === "unreadable") {
      skipped.push({ file: entry.file, reason: "unfolds, when decoded, beyond what can be proved clean" });
      continue;
    }
    cleanBytes.set(entry, text.back(result.bytes));
    const file = nameOf(entry.file, hitsIn);
    for (const done of result.done) replaced.push(replacement(done, file, keyed));
  }
  const kept = entries.flatMap((entry) => renamed(entry, cleanBytes.get(entry), hitsIn));
  return { entries: kept, replaced, skipped, traces, values: harvested.length };
}

/** A clean entry under a clean name; nothing for a file that was skipped. */
function renamed(entry: Entry, bytes: Buffer | undefined, hitsIn: ReturnType<typeof propagation>): Entry[] {
  const file = nameOf(entry.file, hitsIn);
  if (entry.kind === "directory") return [{ ...entry, file }];
  if (entry.kind === "link") return [{ ...entry, file, target: nameOf(entry.target, hitsIn) }];
  return bytes === undefined ? [] : [{ ...entry, file, bytes }];
}

/** A path with every harvested value in one of its names replaced. */
function nameOf(path: string, hitsIn: ReturnType<typeof propagation>): string {
  const steps = path.split("/").map((step) => {
    let text = Buffer.from(step, "utf8").toString("latin1");
    for (const hit of hitsIn(Buffer.from(text, "latin1")).slice(0, 1)) {
      text = text.slice(0, hit.start) + hit.written.replaceAll(/[/\0]/g, "_") + text.slice(hit.end);
    }
    return Buffer.from(text, "latin1").toString("utf8");
  });
  return steps.join("/");
}

async function write(entries: readonly Entry[], out: string, signal: AbortSignal): Promise<void> {
  for (const [i, entry] of entries.entries()) {
    if (i % 64 === 0) await setImmediate();
    throwIfStopped(signal);
    const path = join(out, entry.file);
    if (entry.kind === "directory") mkdirSync(path, { recursive: true, mode: 0o700 });
    else {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      if (entry.kind === "link") symlinkSync(entry.target, path);
      else writeFileSync(path, entry.bytes, { mode: entry.mode, flag: "wx" });
    }
  }
  for (const entry of entries) if (entry.kind !== "link") chmodSync(join(out, entry.file), entry.mode);
}

/** Made anew for a workspace that was a repository. */
async function history(entries: readonly Entry[], out: string, signal: AbortSignal): Promise<Skipped[]> {
  const head = entries.find((entry) => entry.file === "workspace/.git/HEAD");
  if (head === undefined && !entries.some((entry) => entry.file === "workspace/.git")) return [];
  const branch =
    head?.kind === "file"
      ? /^ref: refs\/heads\/([A-Za-z0-9][\w./-]*)/.exec(head.bytes.toString("utf8"))?.[1]
      : undefined;
  rmSync(join(out, "workspace/.git/HEAD"), { force: true });
  const made = await freshHistory(join(out, "workspace"), branch ?? "main", signal);
  return made.status === "made" ? [] : [{ file: "workspace/.git", reason: `no history: ${made.reason}` }];
}

/** With a key that is forgotten with the process: equal values are seen to be equal, and nothing else. */
function hasher(): (value: string) => string {
  const key = randomBytes(32);
  return (value) => createHmac("sha256", key).update(value, "latin1").digest("hex").slice(0, 16);
}

function replacement({ kind, place, by, value }: Done, file: string, keyed: (value: string) => string): Replacement {
  return { file, kind, place, by, keyedHash: keyed(value) };
}

function refuseBadPlace(tree: Tree, out: string): void {
  const real = realOf(tree.path);
  if (real === undefined) {
    throw new OperatorError(
      `${tree.path} is not a directory that can be read`,
      "give the directory of an agent stack",
    );
  }
  const end = relative(
    real,
    resolve(realOf(dirname(resolve(out))) ?? dirname(resolve(out)), posix.basename(resolve(out))),
  );
  const isInside = end === "" || !(end === ".." || end.startsWith("../"));
  if (isInside && !isInState(real, end)) {
    throw new OperatorError(
      `the clone ${out} would lie inside ${tree.path}`,
      "give a directory outside of what is cloned",
    );
  }
  if (existsSync(out) && readdirSync(out).length > 0) {
    throw new OperatorError(`${out} is there and not empty`, "give a directory that does not exist yet");
  }
}

/** Our own state directory may stand in a stack, beside its weakdoor.yaml: what lies in it is not copied. */
function isInState(root: string, below: string): boolean {
  const steps = below.split("/");
  return steps.some((_, i) => i > 0 && existsSync(join(root, ...steps.slice(0, i), KEY_NAME)));
}

/** undefined when it is not there or no directory that this user may read. */
function realOf(path: string): string | undefined {
  try {
    const real = realpathSync(path);
    readdirSync(real);
    return real;
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "EACCES", "ELOOP"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

function remove(out: string, isNew: boolean): void {
  if (!existsSync(out)) return;
  if (isNew) rmSync(out, { recursive: true, force: true });
  else for (const name of readdirSync(out)) rmSync(join(out, name), { recursive: true, force: true });
}

function asOperatorError(thrown: unknown, out: string): unknown {
  const code = errnoOf(thrown);
  if (code !== "ENOSPC" && code !== "EDQUOT" && code !== "EROFS" && code !== "EACCES") return thrown;
  const why = code === "EROFS" || code === "EACCES" ? "cannot be written" : "is on a full disk";
  return new OperatorError(`${out} ${why}`, "free some space or give another directory; nothing half-made was left", {
    cause: thrown,
  });
}
