import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostTscKhz, keepTrial, readTrial } from "../../../src/sandbox/qemu/accelerator.ts";
import { type Machine, machineArgv } from "../../../src/sandbox/qemu/arguments.ts";
import { findParts } from "../../../src/sandbox/qemu/parts.ts";
import { daemonArgv, machineWall } from "../../../src/sandbox/qemu/walls.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "wd-qemu-arguments-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const machine: Machine = {
  program: "qemu-system-x86_64",
  name: "wd-c-lab-1",
  accelerator: { kind: "emulation", tscKhz: 2_600_000 },
  memoryMiB: 512,
  processors: 1,
  shares: [{ tag: "root", socket: "wd-c-lab-1.root" }],
};

test("a machine has no network card, disk, display, monitor or PCI bus, and QEMU its own filter", () => {
  const line = machineArgv(machine).join(" ");
  for (const word of ["-nodefaults", "-no-user-config", "-monitor none", "-display none", "-name wd-c-lab-1"])
    expect(line).toContain(word);
  expect(line).toMatch(/-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny/);
  expect(line).toMatch(/-machine microvm,/);
  expect(line).not.toMatch(/netdev|-nic|virtio-net|-drive|blockdev|vsock|pci|-qmp|-incoming/);
});

test("an emulated machine is told its clock, one on KVM keeps its mitigations", () => {
  const wordsOf = (one: Machine): string => machineArgv(one)[machineArgv(one).indexOf("-append") + 1] ?? "";
  expect(wordsOf(machine)).toMatch(/tsc_early_khz=2600000 tsc=reliable/);
  const onKvm = { ...machine, accelerator: { kind: "kvm" } } as const;
  expect(machineArgv(onKvm).join(" ")).toContain("-accel kvm -cpu host");
  expect(wordsOf(onKvm)).not.toMatch(/mitigations|nopti|tsc/);
});

test("QEMU stands behind a wall without network, as nobody, and sees the device only when it is used", () => {
  const files = { kernel: "/k", initramfs: "/i", door: "/d" };
  const alone = machineWall({ ...files, kvmGroup: undefined }, ["qemu"], { isRoot: true });
  const line = alone.join(" ");
  expect(line).toMatch(/--unshare-net .*--die-with-parent/);
  expect(line).toContain("--reuid=65534 --regid=65534 --clear-groups --bounding-set=-all");
  expect(line).not.toMatch(/\/dev\/kvm|\/home|\/root|--bind \/ /);
  // Behind the wall process 1 must be bwrap itself: see how they end with us.
  expect(alone).not.toContain("--as-pid-1");
  const withDevice = machineWall({ ...files, kvmGroup: 108 }, ["qemu"], { isRoot: true }).join(" ");
  expect(withDevice).toContain("--dev-bind /dev/kvm /dev/kvm");
  expect(withDevice).toContain("--groups=108");
});

test("a mount that may only be read is read-only to the daemon itself, whatever the guest asks of it", () => {
  const places = [
    { source: "/a", path: "/0", mode: "ro" },
    { source: "/b", path: "/1", mode: "rw" },
  ] as const;
  const share = { tag: "mounts", socket: "s" };
  const options = { program: "virtiofsd", door: "/d", share, places, isStill: false };
  const line = daemonArgv(options, { isRoot: true }).join(" ");
  expect(line).toContain("--ro-bind /a /shared/0 --bind /b /shared/1");
  expect(line).toMatch(/source=\/shared,.*cache=auto/);
  expect(line).not.toContain("CAP_MKNOD");
});

test.each([
  ["the base frequency, when the kernel tells it", "cpu MHz : 4100.0", "2600000", 2_600_000],
  [
    "the model's name before the frequency of the moment",
    "model name : X @ 2.40GHz\ncpu MHz : 3900.1",
    undefined,
    2_400_000,
  ],
  ["the frequency of the moment", "model name : AMD EPYC\ncpu MHz : 2596.118", undefined, 2_596_118],
  ["a guess when nothing is told", "", undefined, 2_500_000],
])("the host's clock is %s", (_name, cpuinfo, base, expected) => {
  expect(hostTscKhz(cpuinfo, base)).toBe(expected);
});

test("what came of a trial holds for its key alone, and what is no trial is none", () => {
  const path = join(root, "cache/trial.json");
  expect(readTrial(path, "k")).toBeUndefined();
  keepTrial(path, "k", { kvm: "fails", reason: "it did not stand" });
  expect(readTrial(path, "k")).toEqual({ kvm: "fails", reason: "it did not stand" });
  expect(readTrial(path, "after the next boot of the host")).toBeUndefined();
  writeFileSync(path, readFileSync(path, "utf8").slice(1));
  expect(readTrial(path, "k")).toBeUndefined();
});

test("a directory without a kernel is missing, with the reason and what to do", () => {
  expect(findParts(root)).toMatchObject({
    status: "missing",
    reason: expect.stringContaining(`no kernel for it below ${root}`),
    hint: expect.stringContaining("linux-image-cloud-amd64"),
  });
});
