import { expect, test } from "vitest";
import { containerOf } from "../../../src/sandbox/docker/container.ts";
import type { Isolation, SandboxSpec } from "../../../src/sandbox/sandbox.ts";
import { fakeSpec } from "../../support/fakeDriver.ts";

const parts = { image: "weakdoor/base:0", runtime: "runc", kind: "docker-runc", seccompProfile: "{}" } as const;
const hostConfig = (more: Partial<SandboxSpec>, isolation: Isolation = "container") =>
  containerOf({ ...fakeSpec("c1"), ...more }, { ...parts, isolation }).HostConfig;

test("a strict container has no network, no capability, no writable root, and nothing that logs the channel", () => {
  expect(hostConfig({})).toMatchObject({
    NetworkMode: "none",
    Privileged: false,
    ReadonlyRootfs: true,
    CapDrop: ["ALL"],
    CapAdd: [],
    SecurityOpt: ["no-new-privileges:true", "seccomp={}"],
    LogConfig: { Type: "none" },
    AutoRemove: false,
    RestartPolicy: { Name: "no" },
  });
});

test("a target's declared confinement is repeated and no more", () => {
  const confinement = {
    capabilities: ["CAP_NET_RAW"],
    noNewPrivileges: false,
    seccomp: "none",
    readOnlyRoot: false,
  } as const;
  expect(hostConfig({ confinement })).toMatchObject({
    CapDrop: ["ALL"],
    CapAdd: ["NET_RAW"],
    SecurityOpt: ["seccomp=unconfined"],
    ReadonlyRootfs: false,
    NetworkMode: "none",
  });
});

test("limits leave no swap, and gVisor the threads it needs for itself", () => {
  const limits = { memoryMiB: 64, cpus: 0.5, pids: 64 };
  expect(hostConfig({ limits })).toMatchObject({
    Memory: 67_108_864,
    MemorySwap: 67_108_864,
    NanoCpus: 5e8,
    PidsLimit: 64,
  });
  expect(hostConfig({ limits }, "gvisor")?.PidsLimit).toBe(1024);
  expect(hostConfig({ limits: { ...limits, pids: 4_096 } }, "gvisor")?.PidsLimit).toBe(4_096);
  expect(hostConfig({ limits }, "microvm")?.PidsLimit).toBe(1024);
});

test("mounts are private to either side, and a tmpfs is the guest's own", () => {
  const config = hostConfig({
    uid: 1000,
    gid: 1001,
    mounts: [
      { kind: "bind", source: "/a", path: "/workspace", mode: "rw" },
      { kind: "tmpfs", path: "/tmp", sizeMiB: 8 },
    ],
  });
  const BindOptions = { Propagation: "rprivate" };
  expect(config?.Mounts).toEqual([
    { Type: "bind", Source: "/nonexistent", Target: "/.guest", ReadOnly: true, BindOptions },
    { Type: "bind", Source: "/a", Target: "/workspace", ReadOnly: false, BindOptions },
  ]);
  expect(config?.Tmpfs).toEqual({ "/tmp": "rw,exec,nosuid,nodev,uid=1000,gid=1001,mode=1777,size=8m" });
});
