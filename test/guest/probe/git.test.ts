import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Observation } from "../../../src/guest/observation.ts";
import { type Ground, kernel } from "../../../src/guest/probe/ground.ts";
import { isProgram, parseGitConfig, pathWords, shownKey } from "../../../src/guest/probe/memory/git-config.ts";
import { gitProgram, gitSettings } from "../../../src/guest/probe/memory/git-settings.ts";
import { parseRequest } from "../../../src/guest/probe/request.ts";
import { instance } from "../../../src/guest/probe/row.ts";
import { runProbe } from "../../../src/guest/probe/run.ts";

let directory = "";
let workspace = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-git-"));
  workspace = join(directory, "ws");
  mkdirSync(workspace);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function put(path: string, text = ""): void {
  const at = join(directory, path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, text);
}

/** Of a workspace and a home here, in which only what is named may be written. */
async function look(writable: readonly string[], over: Partial<Ground> = {}): Promise<Map<string, Observation>> {
  const open = new Set(writable.map((path) => join(directory, path)));
  const access: Ground["access"] = async (path, mode) =>
    mode !== "write" || open.has(path) || !path.startsWith(directory)
      ? { status: "answered", value: true }
      : { status: "refused", errno: "EROFS" };
  // The settings of the machine that the tests run on are none of theirs.
  const stat: Ground["stat"] = async (path) =>
    path === "/etc/gitconfig" ? { status: "refused", errno: "ENOENT" } : kernel.stat(path);
  const { report } = await runProbe({
    request: { ...parseRequest('{"vantage":"target"}'), workspace, home: join(directory, "home") },
    environment: {},
    ground: { ...kernel, access, stat, ...over },
    checks: [gitSettings, gitProgram],
  });
  return new Map(report.observations.map((row) => [row.id, row]));
}

test("settings are read as Git reads them: sections, quotes, escapes, comments, continued lines, keys without a value", () => {
  const text = [
    "[core] ; ours",
    '\tfsmonitor = "./a b.sh" # not this',
    "\tpager",
    '[filter "L.fs"] clean = one \\',
    "two",
    "[a.B]",
    "  c = x\\ty",
    "= lost",
    "[broken",
    "d = e",
  ].join("\n");
  expect(parseGitConfig(text)).toEqual([
    { key: "core.fsmonitor", value: "./a b.sh" },
    { key: "core.pager", value: "true" },
    { key: "filter.L.fs.clean", value: "one two" },
    { key: "a.b.c", value: "x\ty" },
    { key: "a.b.d", value: "e" },
  ]);
});

test.each([
  ["core.fsmonitor", "./watch.sh", true],
  ["core.fsmonitor", "true", false],
  ["filter.x.smudge", "git-lfs smudge", true],
  ["diff.x.textconv", "strings", true],
  ["merge.x.driver", "m %O", true],
  ["credential.https://a.example.helper", "store", true],
  ["alias.x", "!sh -c x", true],
  ["alias.x", "status", false],
  ["submodule.a.b.update", "!make", true],
  ["submodule.a.update", "rebase", false],
  ["pager.log", "less", false],
  ["pager.log", "./page", true],
  ["user.name", "x", false],
  ["remote.origin.url", "https://a.example/x", false],
])("%s = %s names a program: %s", (key, value, is) => {
  expect(isProgram({ key, value })).toBe(is);
});

test("the words of a command that may name files, and no options, variables or patterns", () => {
  expect(pathWords("!sh -c './a.sh \"$1\"' --x=/y && ~/bin/z")).toEqual(["sh", "./a.sh", "~/bin/z"]);
});

test("an address between section and key may hold a password and is not shown", () => {
  const secret = ["pass", "word"].join("");
  expect(shownKey(`credential.https://me:${secret}@a.example.helper`)).toBe("credential.<address>.helper");
  expect(shownKey("filter.lfs.clean")).toBe("filter.lfs.clean");
});

test("without settings both checks say that there is nothing, and without a workspace that nobody looked", async () => {
  const rows = await look([]);
  expect(rows.get("git-settings")?.verdict).toBe("absent");
  expect(rows.get("git-program")?.verdict).toBe("absent");
  const { report } = await runProbe({
    request: parseRequest('{"vantage":"target"}'),
    environment: {},
    checks: [gitSettings, gitProgram],
  });
  expect(report.observations.find(({ id }) => id === "git-program")?.verdict).toBe("not-measured");
});

test("a hooks directory that the settings name counts when it may be written, and when it may be made", async () => {
  put("ws/.git/config", "[core]\nhooksPath = .githooks\n");
  mkdirSync(join(workspace, ".githooks"));
  expect((await look([])).get("git-settings:.githooks")?.verdict).toBe("denied");
  expect((await look(["ws/.githooks"])).get("git-settings:.githooks")).toMatchObject({ access: ["write"] });
  rmSync(join(workspace, ".githooks"), { recursive: true });
  expect((await look(["ws"])).get("git-settings:.githooks")).toMatchObject({ access: ["create"] });
  expect((await look([])).get("git-settings:.githooks")?.verdict).toBe("denied");
});

test("a program counts by the file that names it and by what it runs, one row a key, and no value is shown", async () => {
  const secret = ["tok", "en-of-nobody"].join("");
  put("ws/.git/config", `[filter "x"]\nclean = sh tools/clean.sh ${secret}\n[user]\nname = ${secret}\n`);
  put("ws/tools/clean.sh");
  const id = "git-program:filter.x.clean";
  expect((await look([])).get(id)?.verdict).toBe("denied");
  expect((await look(["ws/.git/config"])).get(id)).toMatchObject({ verdict: "reachable", access: ["configure"] });
  const rows = await look(["ws/tools/clean.sh"]);
  expect(rows.get(id)).toMatchObject({ verdict: "reachable", access: ["write"] });
  expect(JSON.stringify([...rows.values()])).not.toContain(secret);
});

test("includes are followed, from the home too, however they are conditioned, and around a circle once", async () => {
  put("home/.gitconfig", '[include]\npath = more\n[includeIf "gitdir:~/day/"]\npath = ~/day.cfg\n');
  put("home/more", "[include]\npath = .gitconfig\n[core]\nsshCommand = ./ssh.sh\n");
  put("home/day.cfg", "[core]\neditor = vim\n");
  const rows = await look(["home/more"]);
  expect(rows.get("git-settings:~/more")?.verdict).toBe("reachable");
  expect(rows.get("git-settings:~/day.cfg")?.verdict).toBe("denied");
  expect(rows.get("git-program:core.sshcommand")).toMatchObject({ verdict: "reachable", access: ["configure"] });
  expect(rows.get("git-program:core.editor")?.verdict).toBe("denied");
});

test("submodules, whatever their names, and work trees have hooks and settings of their own", async () => {
  put("ws/.git/modules/lib/HEAD");
  put("ws/.git/modules/lib/config", "[diff]\nexternal = ./d.sh\n");
  put("ws/.git/modules/vendor/deep/HEAD");
  put("ws/.git/worktrees/other/config.worktree", "[core]\npager = ./p.sh\n");
  const rows = await look(["ws/.git/modules/lib/config", "ws/.git/modules/vendor/deep"]);
  expect(rows.get("git-settings:.git/modules/lib/config")?.verdict).toBe("reachable");
  expect(rows.get("git-settings:.git/modules/vendor/deep/hooks")).toMatchObject({ access: ["create"] });
  expect(rows.get("git-program:diff.external")?.verdict).toBe("reachable");
  expect(rows.get("git-program:core.pager")?.verdict).toBe("denied");
});

test("a work tree's .git file leads to the repository that Git obeys", async () => {
  put("ws/.git", "gitdir: ../main/.git/worktrees/ws\n");
  put("main/.git/worktrees/ws/commondir", "../..\n");
  put("main/.git/config", "[core]\nfsmonitor = ./f.sh\n");
  mkdirSync(join(directory, "main/.git/hooks"));
  const rows = await look(["main/.git/hooks"]);
  const hooks = `git-settings:${instance(join(directory, "main/.git/hooks"))}`;
  expect(rows.get(hooks)?.verdict).toBe("reachable");
  expect(rows.get("git-program:core.fsmonitor")?.verdict).toBe("denied");
});

test("settings that may not be read fall short, and a link that leads nowhere holds nothing up", async () => {
  put("ws/.git/config", "[core]\n");
  symlinkSync("nowhere", join(workspace, ".git/config.worktree"));
  const table: Ground["table"] = async (path, bytesMax) =>
    path.endsWith(".git/config") ? { status: "refused", errno: "EACCES" } : kernel.table(path, bytesMax);
  const { report } = await runProbe({
    request: { ...parseRequest('{"vantage":"target"}'), workspace },
    environment: {},
    ground: { ...kernel, table },
    checks: [gitSettings],
  });
  const run = report.checks.find(({ check }) => check === "git-settings");
  expect(run).toMatchObject({ status: "degraded", reason: expect.stringContaining("EACCES") });
});
