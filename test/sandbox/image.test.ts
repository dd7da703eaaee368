import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";

let cache: string;
let image: Image;
let second: Image;
beforeAll(async () => {
  cache = mkdtempSync(join(tmpdir(), "wd-image-"));
  // Two at once, over what a crash left half made.
  mkdirSync(join(cache, "guest-0000.1-dead.tmp"));
  [image, second] = await Promise.all([prepareImage(cache), prepareImage(cache)]);
});
afterAll(() => rmSync(cache, { recursive: true, force: true }));

test("two processes at once get the same whole directories", () => {
  expect(second).toEqual(image);
  const names = readdirSync(cache).filter((name) => !name.startsWith("guest-0000"));
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  expect(new Set(names.map((name) => name.split("-")[0]))).toEqual(
    new Set(["bundles", "guest", "rootfs", "runtime"]),
  );
  expect(names.length).toBe(4);
});

test("the runtime starts Node by its own loader and libraries, in an empty root", () => {
  const empty = mkdtempSync(join(tmpdir(), "wd-empty-"));
  try {
    mkdirSync(join(empty, ".guest"));
    const root = ["--bind", empty, "/", "--ro-bind", image.guest, "/.guest", "--proc", "/proc"];
    const node = ["/.guest/lib/ld.so", "--library-path", "/.guest/lib", "/.guest/node", "-p", "process.version"];
    const { stdout, stderr } = spawnSync("bwrap", ["--unshare-pid", ...root, ...node], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(stdout.trim()).toBe(process.version);
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
});

test("anyone may read it, and nobody but the owner write", () => {
  const wrong = [image.guest, image.rootfs].flatMap((root) =>
    readdirSync(root, { withFileTypes: true, recursive: true })
      .filter((entry) => !entry.isSymbolicLink())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => path !== join(image.rootfs, "tmp") && path !== join(image.rootfs, "root"))
      .filter((path) => (statSync(path).mode & 0o066) !== 0o044),
  );
  expect(wrong).toEqual([]);
});

test("the root file system has its users, its shell and its places", () => {
  expect(readFileSync(join(image.rootfs, "etc/passwd"), "utf8")).toMatch(/^dev:x:1000:1000:/m);
  expect(readdirSync(join(image.rootfs, "bin"))).toEqual(expect.arrayContaining(["busybox", "sh", "ls"]));
  for (const place of ["workspace", "home/dev", "tmp", "proc"])
    expect(statSync(join(image.rootfs, place)).isDirectory()).toBe(true);
});

test("a second time nothing is made again", async () => {
  const before = statSync(image.guest).ctimeMs;
  expect(await prepareImage(cache)).toEqual(image);
  expect(statSync(image.guest).ctimeMs).toBe(before);
});
