import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cgroupsOf, findCgroups, listCgroups, makeCgroups, removeEmptyParents } from "../../src/sandbox/cgroup.ts";

/** Directories that look like a cgroup mount: the real one is used by every sandbox of the contract. */
let mount: string;
beforeEach(() => {
  mount = mkdtempSync(join(tmpdir(), "wd-cgroup-"));
});
afterEach(() => rmSync(mount, { recursive: true, force: true }));

const LIMITS = { memoryMiB: 256, cpus: 1.5, pids: 99 };

test("where nothing can be made, the reason is said and nothing is limited", () => {
  const blocked = findCgroups("runsc", "/proc/self/nothing");
  expect(blocked).toMatchObject({ status: "unusable", reason: expect.stringContaining("/proc/self/nothing") });
  expect(makeCgroups(blocked, "wd-x-scratch-1", LIMITS)).toEqual([]);
  expect(listCgroups(blocked)).toEqual([]);
});

test("version 1: one group a controller, each with its limits", () => {
  for (const controller of ["memory", "pids", "cpu"]) mkdirSync(join(mount, controller));
  const cgroups = findCgroups("runsc", mount);
  expect(cgroups).toEqual({
    status: "usable",
    version: 1,
    parents: ["memory", "pids", "cpu"].map((name) => join(mount, name, "weakdoor-runsc")),
  });
  for (const directory of cgroupsOf(cgroups, "wd-x-scratch-1")) mkdirSync(directory, { recursive: true });
  const [memory = "", pids = "", cpu = ""] = cgroupsOf(cgroups, "wd-x-scratch-1");
  for (const [directory, file] of [
    [memory, "memory.limit_in_bytes"],
    [pids, "pids.max"],
    [cpu, "cpu.cfs_quota_us"],
  ] as const)
    writeFileSync(join(directory, file), "");
  expect(makeCgroups(cgroups, "wd-x-scratch-1", LIMITS)).toEqual([memory, pids, cpu]);
  expect(readFileSync(join(memory, "memory.limit_in_bytes"), "utf8")).toBe("268435456");
  expect(readFileSync(join(pids, "pids.max"), "utf8")).toBe("99");
  expect(readFileSync(join(cpu, "cpu.cfs_quota_us"), "utf8")).toBe("150000");
  expect(existsSync(join(cpu, "memory.limit_in_bytes"))).toBe(false);
  expect(listCgroups(cgroups)).toContain("wd-x-scratch-1");
});

test("version 2: one group with all limits, its controllers handed down", () => {
  writeFileSync(join(mount, "cgroup.controllers"), "cpu memory pids");
  const cgroups = findCgroups("runsc", mount);
  expect(cgroups).toEqual({ status: "usable", version: 2, parents: [join(mount, "weakdoor-runsc")] });
  expect(readFileSync(join(mount, "weakdoor-runsc/cgroup.subtree_control"), "utf8")).toBe("+memory +pids +cpu");
  const [directory = ""] = cgroupsOf(cgroups, "wd-x-lab-1");
  mkdirSync(directory, { recursive: true });
  for (const file of ["memory.max", "cpu.max", "pids.max"]) writeFileSync(join(directory, file), "");
  makeCgroups(cgroups, "wd-x-lab-1", LIMITS);
  expect(readFileSync(join(directory, "memory.max"), "utf8")).toBe("268435456");
  expect(readFileSync(join(directory, "cpu.max"), "utf8")).toBe("150000 100000");
  expect(readFileSync(join(directory, "pids.max"), "utf8")).toBe("99");
});

describe("once a cycle is over", () => {
  beforeEach(() => {
    for (const controller of ["memory", "pids", "cpu"]) mkdirSync(join(mount, controller));
  });

  test("the parents that nobody uses go, and one in use stays", () => {
    const [used, unused] = [findCgroups("runsc", mount), findCgroups("bubblewrap", mount)];
    makeCgroups(used, "wd-x-lab-1", LIMITS);
    removeEmptyParents(mount);
    expect(used.status === "usable" && used.parents.every((path) => existsSync(path))).toBe(true);
    expect(unused.status === "usable" && unused.parents.some((path) => existsSync(path))).toBe(false);
    makeCgroups(unused, "wd-x-lab-2", LIMITS);
    expect(listCgroups(unused)).toContain("wd-x-lab-2");
  });

  test("one that another cycle removes all the while is made anew as often as it takes", async () => {
    const source = resolve(import.meta.dirname, "../../src/sandbox/cgroup.ts");
    const script = `import { removeEmptyParents } from ${JSON.stringify(source)};
      console.log("go"); for (;;) removeEmptyParents(process.argv[1]);`;
    const remover = spawn(process.execPath, ["--input-type=module", "-e", script, mount], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(remover.stdout, "data");
    const cgroups = findCgroups("runsc", mount);
    for (let n = 0; n < 300; n++) {
      const made = makeCgroups(cgroups, `wd-x-lab-${n}`, LIMITS);
      expect(made.every((path) => existsSync(path))).toBe(true);
      for (const path of made) rmdirSync(path);
    }
    remover.kill("SIGKILL");
    await once(remover, "exit");
  });
});
