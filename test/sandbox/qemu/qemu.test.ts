import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { holdClean, live, scratchSpec, shell } from "../../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { findKernel } from "../../../src/sandbox/qemu/kernel.ts";
import { qemuDriver } from "../../../src/sandbox/qemu/qemu.ts";
import type { Confinement, Driver } from "../../../src/sandbox/sandbox.ts";
import { processId } from "../../../src/stop/processes.ts";

// An emulated machine boots in seconds; beside other tests, in many.
vi.setConfig({ testTimeout: 150_000 });

let root: string;
let image: Image;
let driver: Driver;
const signal = new AbortController().signal;
const fixture = () => ({ image, signal, cycle: `qemu${process.pid}` });
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "wd-qemu-"));
  image = await prepareImage(join(root, "cache"));
  driver = qemuDriver({ runDirectory: join(root, "run") });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Root of its sandbox with every right that there is to declare, on no filter. */
const WEAKEST: Confinement = {
  capabilities: ["CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_MKNOD", "CAP_SYS_CHROOT"],
  noNewPrivileges: false,
  seccomp: "none",
  readOnlyRoot: false,
};

test("the weakest of declarations is repeated, and what it breaks is its own machine's", async () => {
  const shared = join(root, "shared");
  mkdirSync(shared);
  writeFileSync(join(shared, "given"), "as it was");
  const mounts = [{ kind: "bind", source: shared, path: "/srv/ro", mode: "ro" }] as const;
  await live(driver, fixture(), { uid: 0, gid: 0, confinement: WEAKEST, mounts }, async ({ broker, sandbox }) => {
    const { stdout } = await shell(
      broker,
      `grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status
       touch /x && echo written
       mount -o remount,bind,rw /srv/ro && echo remounted
       echo changed 2>&- >/srv/ro/given || echo refused`,
    );
    expect(stdout).toBe("NoNewPrivs:\t0\nSeccomp:\t0\nwritten\nremounted\nrefused\n");
    expect(readFileSync(join(shared, "given"), "utf8")).toBe("as it was");
    // What holds it on the host is nobody, without a right, with QEMU's filter and without network.
    const status = readFileSync(`/proc/${sandbox.pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:\s+65534\s+65534\s+65534\s+65534$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^Seccomp:\s+2$/m);
    expect(readFileSync(`/proc/${sandbox.pid}/net/dev`, "utf8").match(/^\s*\w+:/gm)).toHaveLength(1);
  });
});

test("a guest that floods its console costs the host its last words and nothing more", async () => {
  await live(driver, fixture(), {}, async ({ broker, sandbox, spec }) => {
    await shell(broker, "yes flood | head -c 200000 >&2; yes flood >/proc/1/fd/2 & sleep 1; kill %1");
    expect(sandbox.stderrTail().length).toBeLessThanOrEqual(16 * 1024);
    expect(readdirSync(join(root, "run", spec.name)).toSorted()).toEqual(["door", "driver", "initramfs", "root"]);
  });
});

test.each([
  ["breaks its kernel", "mount -t proc p /tmp && echo c >/tmp/sysrq-trigger"],
  ["turns its machine off", "mount -t proc p /tmp && echo o >/tmp/sysrq-trigger"],
])("a guest that %s is a sandbox that has ended", async (_name, script) => {
  await live(driver, fixture(), { uid: 0, gid: 0, confinement: WEAKEST }, async ({ broker, sandbox }) => {
    await expect(shell(broker, `${script}; sleep 20`)).rejects.toThrow(/channel ended/);
    await sandbox.exited;
  });
});

test("a guest whose shim is stopped does not outlive its kill", async () => {
  await live(driver, fixture(), {}, async ({ broker, sandbox }) => {
    const id = processId(sandbox.pid);
    void shell(broker, "kill -STOP $(pgrep -f shim.mjs)").catch(() => undefined);
    await sandbox.kill();
    expect(processId(sandbox.pid)?.startTime).not.toBe(id?.startTime);
  });
});

test("a kernel that does not boot is an operator's error that says what the machine said, and leaves nothing", async () => {
  const found = findKernel();
  expect(found).toBeDefined();
  const place = join(root, "broken");
  const release = found?.release ?? "";
  mkdirSync(join(place, "boot"), { recursive: true });
  mkdirSync(join(place, "lib/modules"), { recursive: true });
  writeFileSync(join(place, "boot", `vmlinuz-${release}`), "this is no kernel");
  symlinkSync(found?.modules ?? "", join(place, "lib/modules", release));
  const broken = qemuDriver({ runDirectory: join(root, "run"), kernelDirectory: place });
  const spec = scratchSpec(fixture());
  await expect(broken.create(spec, signal)).rejects.toThrow(/did not boot: it ended: .*kernel/i);
  await holdClean(broken, spec.name);
  expect(existsSync(join(root, "run", spec.name))).toBe(false);
});

test("half of one, without process or handle, is listed and destroyed by name", async () => {
  const name = scratchSpec(fixture()).name;
  const directory = join(root, "run", name);
  mkdirSync(join(directory, "root"), { recursive: true });
  writeFileSync(join(directory, "driver"), "qemu");
  expect(await driver.list()).toContain(name);
  await driver.destroy(name);
  await holdClean(driver, name);
});

test("whether KVM boots is tried once, and the rank follows from it", async () => {
  const kept = JSON.parse(readFileSync(join(root, "cache/qemu-kvm.json"), "utf8")) as { trial: { kvm: string } };
  expect(driver.isolation).toBe(kept.trial.kvm === "boots" ? "microvm" : "container");
});
