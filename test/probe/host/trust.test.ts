import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { changedIn, trustContents } from "../../../src/probe/host/trust.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wd-trust-"));
  for (const path of ["ws/.git/hooks", "ws/.claude", "home/.claude"])
    mkdirSync(join(root, path), { recursive: true });
  for (const path of ["ws/.git/hooks/pre-commit", "ws/.claude/settings.json", "home/.claude/CLAUDE.md"])
    put(path, "a");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const put = (path: string, text: string) => writeFileSync(join(root, path), text);
const look = () => trustContents({ workspace: join(root, "ws"), home: join(root, "home") });

test.each<[string, () => void, string[]]>([
  ["nothing", () => undefined, []],
  ["the times alone", () => utimesSync(join(root, "ws/.claude/settings.json"), 1, 1), []],
  ["what a file holds", () => put("ws/.claude/settings.json", "b"), [".claude/settings.json"]],
  ["what a file in a directory holds", () => put("ws/.git/hooks/pre-commit", "b"), [".git/hooks"]],
  ["a file that is made", () => put("ws/.mcp.json", "{}"), [".mcp.json"]],
  ["a file that is removed", () => rmSync(join(root, "home/.claude/CLAUDE.md")), ["~/.claude/CLAUDE.md"]],
])("a change of %s is seen for what it is", (_, change, expected) => {
  const before = look();
  change();
  expect(changedIn(before, look())).toEqual(expected);
});

test("a link that leads elsewhere is a change, and is not followed", () => {
  const before = look();
  rmSync(join(root, "ws/.claude"), { recursive: true });
  symlinkSync("/proc/self", join(root, "ws/.claude"));
  const changed = changedIn(before, look());
  expect(changed).toContain(".claude/settings.json");
  expect(changed).not.toContain(".git/hooks");
});

test("a FIFO in a file's place holds nobody up, and two places without a root are left out", () => {
  const before = look();
  spawnSync("mkfifo", [join(root, "ws/.envrc")]);
  expect(changedIn(before, look())).toEqual([".envrc"]);
  expect([...trustContents({}).keys()]).toEqual([]);
});
