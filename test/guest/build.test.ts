import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildGuest, type GuestBundles } from "../../src/guest/build.ts";
import { GUEST_PROGRAMS } from "../../src/guest/wire.ts";

let directory: string;
let built: GuestBundles;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-build-"));
  built = await buildGuest(directory);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("every program is either bundled or said to be absent", () => {
  expect([...Object.keys(built.bundles), ...built.absent].toSorted()).toEqual([...GUEST_PROGRAMS].toSorted());
  expect(built.absent).not.toContain("shim");
});

test("a bundle imports nothing that is not Node's own", () => {
  for (const path of Object.values(built.bundles)) {
    const { status, stderr } = spawnSync(process.execPath, ["--check", path], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const imported = [...readFileSync(path, "utf8").matchAll(/^import .* from "([^"]+)";$/gm)].map(
      (found) => found[1],
    );
    expect(imported.length).toBeGreaterThan(0);
    for (const specifier of imported) expect(specifier).toMatch(/^(node:[a-z_/0-9]+|[a-z_0-9]+(\/[a-z_0-9]+)?)$/);
  }
});

test("unchanged sources are not bundled again; a bundle that was tampered with is", async () => {
  const shim = built.bundles.shim ?? "";
  const before = statSync(shim).mtimeMs;
  await buildGuest(directory);
  expect(statSync(shim).mtimeMs).toBe(before);
  const good = readFileSync(shim, "utf8");
  writeFileSync(shim, `${good}// changed`);
  await buildGuest(directory);
  expect(readFileSync(shim, "utf8")).toBe(good);
});
