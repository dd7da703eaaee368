import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GUEST_DIR } from "../../src/guest/wire.ts";
import { makeOwnRoot, resolveInside } from "../../src/sandbox/ownRoot.ts";
import { type Mount, type SandboxSpec, STRICT } from "../../src/sandbox/sandbox.ts";

const never = new AbortController().signal;
let scratch: string;
let image: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "wd-root-"));
  image = join(scratch, "image");
  mkdirSync(join(image, "etc"), { recursive: true });
  mkdirSync(join(image, "run"));
  mkdirSync(join(image, "var"));
  mkdirSync(join(image, "workspace"));
  symlinkSync("/run", join(image, "var/run"));
  symlinkSync("../../../../../../etc", join(image, "out"));
  symlinkSync("loop", join(image, "loop"));
  writeFileSync(join(image, "etc/passwd"), "root");
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

test("every mount point is there, a directory or a file as its source is, and the image is as it was", async () => {
  const root = await make([
    { kind: "bind", source: scratch, path: "/opt/a/b", mode: "ro" },
    { kind: "bind", source: join(image, "etc/passwd"), path: "/etc/made/file", mode: "ro" },
    { kind: "tmpfs", path: "/home/dev", sizeMiB: 1 },
  ]);
  expect(statSync(join(root.path, "opt/a/b")).isDirectory()).toBe(true);
  expect(statSync(join(root.path, "etc/made/file")).isFile()).toBe(true);
  expect(statSync(join(root.path, GUEST_DIR)).isDirectory()).toBe(true);
  expect(root.mounts.map(({ path }) => path)).toEqual([GUEST_DIR, "/opt/a/b", "/etc/made/file", "/home/dev"]);
  expect(existsSync(join(image, "opt"))).toBe(false);
  expect(existsSync(join(image, "etc/made"))).toBe(false);
});

test("links are followed inside and never lead out", async () => {
  const root = await make([
    { kind: "bind", source: join(image, "etc/passwd"), path: "/var/run/agent.sock", mode: "rw" },
  ]);
  expect(root.mounts[1]?.path).toBe("/run/agent.sock");
  expect(await resolveInside(image, "/out/x")).toBe("/etc/x");
  expect(await resolveInside(image, "/../../../etc/passwd")).toBe("/etc/passwd");
  await expect(resolveInside(image, "/loop")).rejects.toThrow(/loop/);
});

test("a read-only root shares the image's files; one that may be written to has its own", async () => {
  const shared = await make([], { name: "a" });
  expect(lstatSync(join(shared.path, "etc/passwd")).ino).toBe(lstatSync(join(image, "etc/passwd")).ino);
  const own = await make([], { name: "b", readOnlyRoot: false });
  writeFileSync(join(own.path, "etc/passwd"), "changed");
  expect(readFileSync(join(image, "etc/passwd"), "utf8")).toBe("root");
});

test("a source that is missing, and a place that is of another kind, are said by name", async () => {
  await expect(make([{ kind: "bind", source: "/no/such/thing", path: "/x", mode: "ro" }])).rejects.toThrow(
    /no \/no\/such\/thing to mount at \/x/,
  );
  await expect(make([{ kind: "tmpfs", path: "/etc/passwd", sizeMiB: 1 }], { name: "b" })).rejects.toThrow(
    /nothing can be mounted at \/etc\/passwd/,
  );
  await expect(make([{ kind: "tmpfs", path: "/etc/passwd/under", sizeMiB: 1 }], { name: "c" })).rejects.toThrow(
    /nothing can be mounted/,
  );
});

function make(mounts: Mount[], { name = "a", readOnlyRoot = true } = {}) {
  const spec: SandboxSpec = {
    name: `wd-root-scratch-1`,
    cycle: "root",
    role: "scratch",
    rootfs: image,
    guest: scratch,
    mounts,
    env: {},
    cwd: "/workspace",
    uid: 1000,
    gid: 1000,
    limits: { memoryMiB: 64, cpus: 1, pids: 64 },
    confinement: { ...STRICT, readOnlyRoot },
  };
  return makeOwnRoot(spec, join(scratch, `root-${name}`), never);
}
