import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cpio } from "../../../src/sandbox/qemu/cpio.ts";
import { scriptsPart, writeInitramfs } from "../../../src/sandbox/qemu/initramfs.ts";
import { dependenciesOf, findKernel, type Kernel, modulesFor } from "../../../src/sandbox/qemu/kernel.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wd-initramfs-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("an archive is what another program unpacks, with modes, links and names of any length", () => {
  const archive = cpio([
    { kind: "directory", path: "d", mode: 0o755 },
    { kind: "file", path: "d/odd", mode: 0o640, content: Buffer.from("three") },
    { kind: "file", path: "d/empty", mode: 0o755, content: Buffer.alloc(0) },
    { kind: "link", path: "d/link", target: "odd" },
  ]);
  unpack(archive);
  expect(readdirSync(join(root, "d")).toSorted()).toEqual(["empty", "link", "odd"]);
  expect(readFileSync(join(root, "d/link"), "utf8")).toBe("three");
  expect(statSync(join(root, "d/odd")).mode & 0o777).toBe(0o640);
});

test("the same entries are the same bytes, and each archive may be followed by another", () => {
  const entries = [{ kind: "file", path: "a", mode: 0o644, content: Buffer.from("a") }] as const;
  expect(cpio(entries).equals(cpio(entries))).toBe(true);
  expect(cpio(entries).length % 512).toBe(0);
});

test("a sandbox's part brings the filter's loader only when there is a filter", () => {
  const scripts = { init: "#!/bin/sh\n", inside: "true\n" };
  unpack(scriptsPart(scripts, undefined));
  expect(readdirSync(root).toSorted()).toEqual(["init", "inside"]);
  unpack(scriptsPart(scripts, Buffer.from("elf")));
  expect(readFileSync(join(root, "filtered"), "utf8")).toBe("elf");
});

test("modules are found without an index, with what they depend on before them and what is built in left out", async () => {
  const kernel = fakeKernel(root, "6.9.0-1-cloud-amd64", {
    "fs/fuse/virtiofs.ko": "virtio,fuse,virtio_ring",
    "fs/fuse/fuse.ko": "",
    "drivers/virtio/virtio.ko": "virtio_ring",
    "drivers/virtio/virtio-ring.ko": "",
  });
  writeFileSync(join(kernel.modules, "modules.builtin"), "kernel/drivers/virtio/virtio_mmio.ko\n");
  const modules = await modulesFor(kernel, ["virtio_mmio", "virtiofs"]);
  expect(modules.map(({ name }) => name)).toEqual(["virtio_ring", "virtio", "fuse", "virtiofs"]);
});

test("a kernel without a module that is needed is an operator's error that names both", async () => {
  const kernel = fakeKernel(root, "6.9.0-1-cloud-amd64", { "fs/fuse/fuse.ko": "" });
  await expect(modulesFor(kernel, ["virtiofs"])).rejects.toThrow(/6\.9\.0-1-cloud-amd64 has no module virtiofs/);
});

test.each([
  ["\0depends=virtio,virtio-ring\0", ["virtio", "virtio_ring"]],
  ["\0depends=\0", []],
  ["no such word", []],
])("of a module that says %j", (content, expected) => {
  expect(dependenciesOf(Buffer.from(content))).toEqual(expected);
});

test("of several kernels one made for virtual machines is taken, then the newest, and none without modules", () => {
  fakeKernel(root, "6.1.0-9-cloud-amd64", { "a.ko": "" });
  fakeKernel(root, "6.1.0-10-cloud-amd64", { "a.ko": "" });
  fakeKernel(root, "6.12.0-1-amd64", { "a.ko": "" });
  writeFileSync(join(root, "boot/vmlinuz-9.9.9-cloud-amd64"), "");
  expect(findKernel([join(root, "none"), root])?.release).toBe("6.1.0-10-cloud-amd64");
  expect(findKernel([join(root, "none")])).toBeUndefined();
});

test("the part that all share is made once for a kernel, and anew for another", async () => {
  const busybox = join(root, "busybox");
  writeFileSync(busybox, "busybox");
  const modules = { "virtio_mmio.ko": "", "virtio_console.ko": "", "virtiofs.ko": "" };
  const write = (kernel: Kernel) => writeInitramfs({ cacheDirectory: join(root, "cache"), kernel, busybox });
  const first = await write(fakeKernel(root, "6.1.0-1-cloud-amd64", modules));
  const again = await write(fakeKernel(root, "6.1.0-1-cloud-amd64", {}));
  const other = await write(fakeKernel(root, "6.1.0-2-cloud-amd64", modules));
  expect(again).toBe(first);
  expect(other).not.toBe(first);
  expect(readdirSync(join(root, "cache"))).toHaveLength(2);
});

function unpack(archive: Buffer): void {
  const { status, stderr } = spawnSync("busybox", ["cpio", "-idu"], { cwd: root, input: archive });
  expect(status, String(stderr)).toBe(0);
}

/** Modules by path below kernel/, with what each says that it depends on. */
function fakeKernel(directory: string, release: string, modules: Record<string, string>): Kernel {
  const place = join(directory, "lib/modules", release);
  const image = join(directory, "boot", `vmlinuz-${release}`);
  mkdirSync(join(directory, "boot"), { recursive: true });
  if (findKernel([directory])?.release !== release) writeFileSync(image, release);
  mkdirSync(join(place, "kernel"), { recursive: true });
  for (const [path, depends] of Object.entries(modules)) {
    const file = join(place, "kernel", path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, `\0license=GPL\0depends=${depends}\0name=x\0`);
  }
  return { release, image, modules: place };
}
