import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exec } from "../../src/base/exec.ts";
import { plantSentinel } from "../../src/canaries/sentinel.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-sentinel-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a read rings, a stat does not, and it rings again after that", async () => {
  let reads = 0;
  const path = join(directory, "notes.txt");
  const outcome = plantSentinel(path, "nothing here\n", () => reads++);
  if (outcome.status !== "armed") throw new Error(outcome.reason);
  statSync(path);
  await sleep(80);
  expect(reads).toBe(0);
  readFileSync(path);
  await sleep(80);
  expect(reads).toBe(1);
  readFileSync(path);
  await sleep(80);
  expect(reads).toBe(2);
  outcome.sentinel.stop();
  expect(readdirSync(directory)).toEqual(["notes.txt"]);
});

test("where reads leave no mark it is blind and says so, and leaves nothing behind", async () => {
  const mounted = await exec(["mount", "-t", "tmpfs", "-o", "noatime,size=64k", "wd-test", directory]);
  expect(mounted.code).toBe(0);
  try {
    const outcome = plantSentinel(join(directory, "notes.txt"), "x", () => undefined);
    expect(outcome.status).toBe("blind");
    expect(readdirSync(directory)).toEqual([]);
  } finally {
    await exec(["umount", directory]);
  }
});
