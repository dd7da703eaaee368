import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FILTERED_FAILED, filteredLoader } from "../../../src/sandbox/qemu/filtered.ts";
import { strictFilter } from "../../../src/sandbox/seccomp.ts";

let root: string;
let loader: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "wd-filtered-"));
  loader = join(root, "filtered");
  writeFileSync(loader, filteredLoader(strictFilter("x64")));
  chmodSync(loader, 0o755);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("what it becomes has the filter, its own arguments and the environment, and is not forbidden new privileges", () => {
  const script = 'echo "$0 $1 $NAME"; grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status';
  const { stdout } = spawnSync(loader, ["/bin/sh", "-c", script, "zero", "one two"], {
    env: { NAME: "a value", PATH: "/bin:/usr/bin" },
    encoding: "utf8",
  });
  expect(stdout).toBe("zero one two a value\nNoNewPrivs:\t0\nSeccomp:\t2\n");
});

test("a call that the filter refuses is refused in it", () => {
  const { status, stderr } = spawnSync(loader, ["/usr/bin/unshare", "--mount", "/bin/true"], { encoding: "utf8" });
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/unshare.*not permitted/);
});

test("a filter that the kernel does not take ends it before the program begins, and so does a missing program", () => {
  const broken = join(root, "broken");
  writeFileSync(broken, filteredLoader(Buffer.alloc(8, 0xff)));
  chmodSync(broken, 0o755);
  const ran = spawnSync(broken, ["/bin/echo", "ran"], { encoding: "utf8" });
  expect([ran.status, ran.stdout]).toEqual([FILTERED_FAILED, ""]);
  expect(spawnSync(loader, [join(root, "no-such")]).status).toBe(FILTERED_FAILED);
});
