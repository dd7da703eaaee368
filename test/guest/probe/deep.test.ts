import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ProbeReport } from "../../../src/guest/observation.ts";
import { collapse, type Permission, plant, type Tree } from "../../../src/guest/probe/deep/collapse.ts";
import { pathAccess } from "../../../src/guest/probe/deep/path-access.ts";
import { type Bounds, walk } from "../../../src/guest/probe/deep/walk.ts";
import { type Ground, kernel } from "../../../src/guest/probe/ground.ts";
import { parseRequest } from "../../../src/guest/probe/request.ts";
import { runProbe } from "../../../src/guest/probe/run.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-deep-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const bounds = (more: Partial<Bounds> = {}): Bounds => ({
  deadlineMs: 60_000,
  nowMs: () => 0,
  pathsLeft: 1_000_000,
  keptLeft: 100_000,
  ...more,
});
const NOWHERE = { isElsewhere: () => false };

/** What a person who is not root would see: the tests run as root, to whom every mode is open. */
function tree(name: string, directory: Permission, files: Permission | undefined, below: Tree[] = []): Tree {
  return plant({ name, directory, below, exceptions: [], count: { paths: 1, programs: 0 }, unasked: "" }, files);
}

const shown = (tree: Tree) =>
  collapse(tree, "/").map((part) =>
    part.kind === "subtree" ? `${part.path} ${part.directory} ${part.files}` : part.path,
  );

test("what is alike all through is one subtree, and only what differs is another", () => {
  const deep = tree("a", "r-", "r-", [tree("b", "r-", "r-", [tree("c", "rw", "rw")])]);
  expect(shown(tree("", "r-", "r-", [deep]))).toEqual(["/ r- r-", "/a/b/c rw rw"]);
});

test("a directory without files of its own speaks for most of those below it", () => {
  const objects = Array.from({ length: 40 }, (_, n) => tree(`o${n}`, "rw", "r-"));
  expect(shown(tree("", "rw", "rw", [tree("objects", "rw", undefined, objects)]))).toEqual([
    "/ rw rw",
    "/objects rw r-",
  ]);
});

test("paths are counted where they are spoken for, and none twice", () => {
  const [root] = collapse(tree("", "r-", "r-", [tree("a", "r-", "r-", [tree("b", "r-", "r-")])]), "/");
  expect(root).toMatchObject({ kind: "subtree", count: { paths: 3 } });
});

test("every path of a tree is asked for, links are not followed, and a loop ends", () => {
  mkdirSync(join(directory, "a/b"), { recursive: true });
  for (const name of ["one", "a/two", "a/b/three"]) writeFileSync(join(directory, name), "");
  writeFileSync(join(directory, "a/run"), "", { mode: 0o755 });
  symlinkSync("..", join(directory, "a/loop"));
  symlinkSync("/", join(directory, "a/out"));
  const found = collapse(walk(directory, bounds(), NOWHERE), directory);
  expect(found).toMatchObject([{ path: directory, directory: "rw", files: "rw", count: { paths: 7, programs: 1 } }]);
});

test("what is mounted apart is left to its own walk", () => {
  mkdirSync(join(directory, "a/b"), { recursive: true });
  const found = collapse(
    walk(directory, bounds(), { isElsewhere: (path) => path === join(directory, "a") }),
    directory,
  );
  expect(found).toMatchObject([{ count: { paths: 1 } }]);
});

test.each([
  ["the paths", { pathsLeft: 0 }],
  ["the memory", { keptLeft: 0 }],
  ["the time", { deadlineMs: 0 }],
])("when %s are used up, what was not asked for is said", (_, less) => {
  mkdirSync(join(directory, "a"));
  const found = collapse(walk(directory, bounds(less), NOWHERE), directory);
  expect(found.find((part) => part.kind === "unasked")).toMatchObject({ path: `${directory}/*` });
});

test("a path of 4,000 bytes ends with a row, and names that are not UTF-8 are said", () => {
  const name = "d".repeat(200);
  const made = spawnSync("perl", ["-e", PERL, directory, name], { encoding: "utf8" });
  expect(made.stderr).toBe("");
  const found = collapse(walk(directory, bounds(), NOWHERE), directory);
  const unasked = found.filter((part) => part.kind === "unasked");
  expect(unasked.map(({ why }) => why)).toEqual([
    "1 could not be asked for: the name is not UTF-8",
    "cannot be listed: ENAMETOOLONG",
  ]);
});

const PERL = `chdir $ARGV[0] or die; open(my $f, ">", "bad-\\xff") or die; close $f;
for (1 .. 24) { mkdir $ARGV[1] or die; chdir $ARGV[1] or die; }`;

async function deep(workspace: string, mountinfo: string, ground: Partial<Ground> = {}): Promise<ProbeReport> {
  const table: Ground["table"] = async (path) => {
    if (path !== "/proc/self/mountinfo") return kernel.table(path);
    return mountinfo === "" ? { status: "refused", errno: "EACCES" } : { status: "answered", value: mountinfo };
  };
  const request = { ...parseRequest('{"vantage":"target","isDeep":true}'), workspace };
  return (await runProbe({ request, environment: {}, checks: [], ground: { ...kernel, table, ...ground } })).report;
}

const rows = (report: ProbeReport) =>
  report.observations
    .filter(({ id }) => id.startsWith("path-access"))
    .map(({ id, verdict, access, detail }) => ({ id, verdict, access, detail }));

test("each mount has its row; the kernel's own are not entered, nor those that may never answer", async () => {
  writeFileSync(join(directory, "file"), "");
  const mounts = [
    `1 0 8:1 / ${directory} rw - ext4 d rw`,
    "2 1 0:9 / /proc rw - proc proc rw",
    "3 2 0:9 /sys /proc/sys ro - proc proc rw",
    "4 1 0:7 / /sys ro - sysfs s ro",
    "5 1 0:8 / /srv rw - fuse.sshfs f rw",
    "6 1 0:8 / /no/such rw - ext4 d rw",
  ].join("\n");
  const found = rows(await deep(directory, mounts));
  expect(found.map(({ id, verdict }) => [id, verdict])).toEqual([
    ["path-access:/no/such", "not-measured"],
    ["path-access:/proc", "reachable"],
    ["path-access:/srv", "not-measured"],
    ["path-access:/sys", "reachable"],
    [`path-access:${directory}`, "reachable"],
  ]);
  expect(found.at(-1)).toMatchObject({ access: ["list", "read", "write", "create"] });
});

test("a mount whose root never answers is not walked, and the report comes in time", async () => {
  const stat: Ground["stat"] = (path) => (path === directory ? new Promise(() => undefined) : kernel.stat(path));
  const report = await deep("/", `1 0 8:1 / ${directory} rw - ext4 d rw`, { stat });
  expect(rows(report)).toMatchObject([{ verdict: "not-measured", detail: "no answer in time; not walked" }]);
});

test("it is no part of the probe unless it is asked for", async () => {
  const { report } = await runProbe({ request: parseRequest('{"vantage":"target"}'), environment: {}, checks: [] });
  expect(report.checks.map(({ check }) => check)).not.toContain(pathAccess.id);
});

test("a directory of 30,000 entries is walked whole, in bounded memory", () => {
  const wide = join(directory, "wide");
  mkdirSync(wide);
  for (let n = 0; n < 30_000; n++) writeFileSync(join(wide, `f${n}`), "");
  chmodSync(join(wide, "f7"), 0o755);
  const before = process.memoryUsage.rss();
  const found = collapse(walk(directory, bounds(), NOWHERE), directory);
  expect(found).toMatchObject([{ path: directory, count: { paths: 30_002, programs: 1 } }]);
  expect(process.memoryUsage.rss() - before).toBeLessThan(128 * 1024 * 1024);
});
