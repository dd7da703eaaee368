import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bubblewrapDriver } from "../../../src/sandbox/bubblewrap/bubblewrap.ts";
import { live, scratchSpec, shell } from "../../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { type Confinement, type Driver, type SandboxSpec, STRICT } from "../../../src/sandbox/sandbox.ts";

let root: string;
let image: Image;
let driver: Driver;
const signal = new AbortController().signal;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "wd-bwrap-"));
  image = await prepareImage(join(root, "cache"));
  driver = bubblewrapDriver({ runDirectory: join(root, "run") });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("a declared weakness is repeated: kept capabilities for its root, no filter, a writable root", async () => {
  const weak: Confinement = {
    capabilities: ["CAP_NET_RAW", "CAP_SYS_ADMIN"],
    noNewPrivileges: true,
    seccomp: "none",
    readOnlyRoot: false,
  };
  const seen = await inside(
    { uid: 0, gid: 0, confinement: weak },
    "grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status; touch /x && echo written",
  );
  const sets = (1n << 13n) | (1n << 21n);
  const hex = sets.toString(16).padStart(16, "0");
  expect(seen).toBe(`CapEff:\t${hex}\nCapBnd:\t${hex}\nSeccomp:\t0\nwritten\n`);
});

test("root inside may not change the machine's settings", async () => {
  const seen = await inside(
    { uid: 0, gid: 0 },
    "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger; do (: >>$f) 2>&- && echo $f; done; echo end",
  );
  expect(seen).toBe("end\n");
});

test("the sandbox's user is no root on the host", async () => {
  await live(driver, fixture(), {}, async ({ sandbox }) => {
    const { readFileSync } = await import("node:fs");
    expect(readFileSync(`/proc/${sandbox.pid}/status`, "utf8")).toMatch(/^Uid:\s+1000\s+1000\s+1000\s+1000$/m);
  });
});

test("new privileges, which bwrap always takes away, are refused by name before anything is made", async () => {
  const spec = scratchSpec(fixture(), { confinement: { ...STRICT, noNewPrivileges: false } });
  await expect(driver.create(spec, signal)).rejects.toThrow(/new privileges/);
  expect(existsSync(join(root, "run", spec.name))).toBe(false);
});

test("a mount whose source is gone is an operator's error that leaves nothing", async () => {
  const mounts = [{ kind: "bind", source: join(root, "no-such"), path: "/x", mode: "ro" }] as const;
  const spec = scratchSpec(fixture(), { mounts });
  await expect(driver.create(spec, signal)).rejects.toThrow(/no-such to mount at \/x/);
  expect(await driver.list()).not.toContain(spec.name);
  expect((await driver.look(spec.name)).every((look) => look.status === "clean")).toBe(true);
});

test("without the tool it is missing, with the command that brings it, and a create says why", async () => {
  const without = bubblewrapDriver({ runDirectory: join(root, "run2"), program: "no-such-bwrap" });
  expect(await without.check(signal)).toMatchObject({ status: "missing", hint: "apt-get install -y bubblewrap" });
  const spec = scratchSpec(fixture());
  await expect(without.create(spec, signal)).rejects.toThrow(/no-such-bwrap/);
  expect(await without.list()).not.toContain(spec.name);
});

test("a name that is not ours is never destroyed", async () => {
  await expect(driver.destroy("../cache")).rejects.toThrow(/no name of a sandbox/);
  await expect(driver.destroy("cache")).rejects.toThrow(/no name of a sandbox/);
  expect(existsSync(image.rootfs)).toBe(true);
});

test("where control groups cannot be used, what is not limited is named", async () => {
  const cgroups = { status: "unusable", reason: "not here" } as const;
  const unlimited = bubblewrapDriver({ runDirectory: join(root, "run3"), cgroups });
  const named = new Set(unlimited.cannot.map(({ what }) => what));
  expect(named).toEqual(new Set(["allow new privileges", "limit pids", "limit memory", "limit cpus"]));
});

function fixture() {
  return { image, signal, cycle: `bwrap${process.pid}` };
}

async function inside(changes: Partial<SandboxSpec>, script: string): Promise<string> {
  let seen = "";
  await live(driver, fixture(), changes, async ({ broker }) => {
    seen = (await shell(broker, script)).stdout;
  });
  return seen;
}
