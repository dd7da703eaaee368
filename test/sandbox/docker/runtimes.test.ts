import { expect, test } from "vitest";
import { factsFrom, type Registered } from "../../../src/sandbox/docker/engine.ts";
import { cannotOf, natureOf, pidsLimit } from "../../../src/sandbox/docker/runtimes.ts";
import { judge, type Witness } from "../../../src/sandbox/docker/shownIsolation.ts";
import type { Isolation } from "../../../src/sandbox/sandbox.ts";

type Row = { name: string; entry?: Omit<Registered, "name">; isolation: Isolation; why: string };

test.each<Row>([
  { name: "runc", entry: { path: "runc" }, isolation: "container", why: "it points to runc" },
  { name: "crun", entry: { path: "/usr/bin/crun" }, isolation: "container", why: "it points to crun" },
  { name: "youki", isolation: "container", why: "by its name" },
  { name: "nvidia", entry: { path: "nvidia-container-runtime" }, isolation: "container", why: "not known here" },
  { name: "sysbox", entry: { path: "/usr/bin/sysbox-runc" }, isolation: "container", why: "points to sysbox-runc" },
  { name: "runsc", entry: { path: "runsc" }, isolation: "gvisor", why: "it points to runsc" },
  {
    name: "gvisor",
    entry: { path: "/opt/runsc-systrap.sh" },
    isolation: "gvisor",
    why: "points to runsc-systrap.sh",
  },
  { name: "safe", entry: { type: "io.containerd.runsc.v1" }, isolation: "gvisor", why: "io.containerd.runsc.v1" },
  { name: "gvisor", isolation: "gvisor", why: "by its name" },
  { name: "kata", entry: { type: "io.containerd.kata.v2" }, isolation: "microvm", why: "io.containerd.kata.v2" },
  { name: "kata-fc", isolation: "microvm", why: "by its name" },
  { name: "vm", entry: { path: "/opt/kata/bin/kata-runtime" }, isolation: "microvm", why: "points to kata-runtime" },
  { name: "kata", entry: { path: "/usr/bin/runc" }, isolation: "container", why: "it points to runc" },
  { name: "runsc", entry: { path: "/opt/kata/runc" }, isolation: "container", why: "it points to runc" },
  { name: "gvisor", entry: { type: "io.containerd.runc.v2" }, isolation: "container", why: "io.containerd.runc.v2" },
  { name: "kata", entry: { path: "/opt/kata-or-runc" }, isolation: "container", why: "it points to kata-or-runc" },
  { name: "io.containerd.kata.v2", isolation: "microvm", why: "by its name" },
  { name: "spin", isolation: "container", why: "not known here: the weakest is assumed" },
])("$name with $entry is taken for a $isolation", ({ name, entry, isolation, why }) => {
  const nature = natureOf(name, entry === undefined ? undefined : { name, ...entry });
  expect(nature).toMatchObject({ isolation, why: expect.stringContaining(why) as string });
});

test("gVisor and a machine monitor have room for their own threads, a container what was asked", () => {
  expect([pidsLimit("container", 64), pidsLimit("gvisor", 64), pidsLimit("microvm", 64)]).toEqual([64, 1024, 1024]);
  expect(pidsLimit("gvisor", 4_096)).toBe(4_096);
});

const names = (isolation: Isolation, args: string[] = [], info?: unknown) =>
  cannotOf(isolation, { name: "x", args }, info === undefined ? undefined : factsFrom(info)).map(({ what }) => what);

test("what a runtime cannot do follows from what it is and from its flags", () => {
  expect(names("container")).toEqual([]);
  expect(names("gvisor")).toContain("pass unix sockets in");
  expect(names("gvisor", ["--fsgofer-host-uds"])).not.toContain("pass unix sockets in");
  expect(names("gvisor", ["--host-uds=open"])).not.toContain("pass unix sockets in");
  expect(names("gvisor", ["--host-uds=none"])).toContain("pass unix sockets in");
  expect(names("gvisor", ["--ignore-cgroups"])).toEqual(expect.arrayContaining(["limit memory", "limit cpus"]));
  expect(names("container", ["--cgroup-manager=disabled"])).toEqual(["limit memory", "limit cpus", "limit pids"]);
  expect(names("microvm")).toContain("filter system calls inside");
});

test("what its engine cannot limit it cannot either, and each is named once", () => {
  const info = { ServerVersion: "20.10.24", MemoryLimit: false, PidsLimit: false, CpuCfsQuota: false };
  expect(names("container", [], info)).toEqual(["limit memory", "limit cpus", "limit pids"]);
  const all = names("gvisor", ["--ignore-cgroups"], info);
  expect(new Set(all).size).toBe(all.length);
});

const around = (commandLine: string, machines: Witness["machines"] = 0): Witness => ({ commandLine, machines });
const SHIM = around("/usr/bin/containerd-shim-runc-v2 -namespace moby -id 0123");
const SENTRY = "runsc-sandbox --root=/run/runsc --log-format=json boot --bundle=/b --platform=ptrace 0123";

test.each<{ seen: string; around: Witness[]; guests: number; isolation: Isolation; evidence: string }>([
  {
    seen: "the guest's own command line",
    around: [SHIM, around("/.guest/busybox sh -c x", 0)],
    guests: 1,
    isolation: "container",
    evidence: "the host's own kernel",
  },
  {
    seen: "the guest beside a monitor with a machine",
    around: [SHIM, around("/usr/bin/qemu-system-x86_64 -name sandbox-0123", 1)],
    guests: 1,
    isolation: "container",
    evidence: "the host's own kernel",
  },
  { seen: "a sentry", around: [SHIM, around(SENTRY)], guests: 0, isolation: "gvisor", evidence: "runsc-sandbox" },
  { seen: "a sentry on KVM", around: [around(SENTRY, 1)], guests: 0, isolation: "gvisor", evidence: "runsc-sandbox" },
  {
    seen: "a monitor with a machine",
    around: [around("/opt/kata/bin/containerd-shim-kata-v2 -id 0123"), around("/opt/kata/bin/qemu -name 0123", 1)],
    guests: 0,
    isolation: "microvm",
    evidence: "/opt/kata/bin/qemu holds a virtual machine",
  },
  {
    seen: "a monitor that only root may look at",
    around: [around("/opt/kata/bin/qemu -name 0123", { reason: "EACCES" })],
    guests: 0,
    isolation: "container",
    evidence: "1 of its processes could not be looked at (EACCES)",
  },
  { seen: "nothing but a shim", around: [SHIM], guests: 0, isolation: "container", evidence: "no process of it" },
  {
    seen: "a runtime that is no sentry",
    around: [around("runsc --root=/run/runsc delete 0123")],
    guests: 0,
    isolation: "container",
    evidence: "no process of it",
  },
])("$seen shows a $isolation", ({ around: seen, guests, isolation, evidence }) => {
  expect(judge({ around: seen, guests })).toMatchObject({
    isolation,
    evidence: expect.stringContaining(evidence) as string,
  });
});
