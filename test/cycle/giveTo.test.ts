import { lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { giveTo } from "../../src/cycle/giveTo.ts";

const UID = 1_234;
let directory: string;
let tree: string;
let outside: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-give-"));
  tree = join(directory, "tree");
  outside = join(directory, "outside");
  mkdirSync(join(tree, "a/b"), { recursive: true });
  mkdirSync(join(outside, "deep"), { recursive: true });
  writeFileSync(join(tree, "a/b/file"), "x");
  writeFileSync(join(outside, "deep/file"), "x");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a tree is its user's to the last file, whatever its names are", () => {
  const odd = Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.from([0xff, 0xfe])]);
  writeFileSync(odd, "x");
  giveTo(tree, UID, UID);
  for (const path of [tree, join(tree, "a"), join(tree, "a/b"), join(tree, "a/b/file"), odd])
    expect(statSync(path)).toMatchObject({ uid: UID, gid: UID });
});

test("a link is given itself, and nothing that it leads to", () => {
  symlinkSync(outside, join(tree, "out"));
  symlinkSync(".", join(tree, "a/self"));
  symlinkSync("/nonexistent", join(tree, "nowhere"));
  giveTo(tree, UID, UID);
  expect(lstatSync(join(tree, "out")).uid).toBe(UID);
  for (const path of [outside, join(outside, "deep"), join(outside, "deep/file")])
    expect(statSync(path).uid).toBe(process.getuid?.());
});

test("a link in the place of the tree itself is not followed either", () => {
  const link = join(directory, "link");
  symlinkSync(outside, link);
  giveTo(link, UID, UID);
  expect(statSync(outside).uid).toBe(process.getuid?.());
});

test("one file may be given too", () => {
  const file = join(tree, "a/b/file");
  giveTo(file, UID, UID);
  expect(statSync(file).uid).toBe(UID);
  expect(statSync(join(tree, "a/b")).uid).toBe(process.getuid?.());
});
