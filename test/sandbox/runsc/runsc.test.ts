import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { live, scratchSpec, shell } from "../../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { runscDriver } from "../../../src/sandbox/runsc/runsc.ts";

let root: string;
let image: Image;
const signal = new AbortController().signal;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "wd-runsc-"));
  image = await prepareImage(join(root, "cache"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("inside is gVisor's kernel and not the host's", async () => {
  const driver = runscDriver({ runDirectory: join(root, "run-kernel") });
  await live(driver, fixture(), {}, async ({ broker }) => {
    const { stdout } = await shell(broker, "cat /proc/version; dmesg | head -1");
    expect(stdout).not.toContain(readFileSync("/proc/sys/kernel/osrelease", "utf8").trim());
    expect(stdout).toMatch(/gVisor/);
  });
});

test("a platform that is offered and does not boot is given up for the next, and is not asked again", async () => {
  const asked = join(root, "asked");
  const program = fake(
    "fake-systrap",
    `case "$*" in
       flags) echo '  -platform string'; echo '    	specifies which platform to use: systrap (default), ptrace, kvm.' ;;
       *--platform=systrap*) echo systrap >>${asked}; exit 1 ;;
       *) exec runsc "$@" ;;
     esac`,
  );
  const driver = runscDriver({ runDirectory: join(root, "run-systrap"), program });
  for (let i = 0; i < 2; i++) {
    await live(driver, fixture(), {}, async ({ broker }) => {
      expect((await shell(broker, "echo here")).stdout).toBe("here\n");
    });
  }
  expect(readFileSync(asked, "utf8")).toBe("systrap\n");
});

test("a runsc that hangs is ended with the create that waits for it, and leaves nothing", async () => {
  const program = fake(
    "fake-hanging",
    'case "$*" in flags) printf -- " -platform string\\n ptrace\\n" ;; *) exec sleep 4713 ;; esac',
  );
  const driver = runscDriver({ runDirectory: join(root, "run-hanging"), program });
  const spec = scratchSpec(fixture());
  await expect(driver.create(spec, AbortSignal.timeout(300))).rejects.toThrow(/timeout/i);
  expect(await driver.list()).not.toContain(spec.name);
  expect((await driver.look(spec.name)).map((look) => look.status)).toEqual(["clean", "clean"]);
});

test("a runsc that fails says why", async () => {
  const program = fake(
    "fake-failing",
    'case "$*" in flags) printf -- " -platform string\\n ptrace\\n" ;; *) echo "no user namespaces" >&2; exit 1 ;; esac',
  );
  const driver = runscDriver({ runDirectory: join(root, "run-failing"), program });
  await expect(driver.create(scratchSpec(fixture()), signal)).rejects.toThrow(/no user namespaces/);
});

test("without the tool it is missing, with the command that brings it", async () => {
  const driver = runscDriver({ runDirectory: join(root, "run-none"), program: "no-such-runsc" });
  expect(await driver.check(signal)).toMatchObject({ status: "missing", hint: "apt-get install -y runsc" });
});

function fixture() {
  return { image, signal, cycle: `runsc${process.pid}` };
}

function fake(name: string, body: string): string {
  const path = join(root, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}
