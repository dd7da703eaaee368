import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unixSocket } from "../../../src/guest/probe/cross-boundary/unix-socket.ts";
import { kernel } from "../../../src/guest/probe/ground.ts";
import { parseRequest } from "../../../src/guest/probe/request.ts";
import { runProbe } from "../../../src/guest/probe/run.ts";
import { prepareImage } from "../../../src/sandbox/image.ts";
import { containersOf } from "../../fixtures/containers.ts";
import { type Engine, startEngine } from "../../support/engine.ts";

/** The least that a sandbox may be, and the most that a directory may hold. */

let directory: string;
let engine: Engine;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-scratch-"));
  chmodSync(directory, 0o755);
  engine = await startEngine();
});
afterAll(async () => {
  await engine.stop();
  rmSync(directory, { recursive: true, force: true });
});

test("in a container made from scratch, read-only, not root, with 128 MiB and 64 processes, it runs every check to its end", async () => {
  const image = await prepareImage(join(directory, "cache"));
  const rootfs = join(directory, "scratch");
  // An engine mounts there; nothing else is in it.
  for (const name of ["dev", "proc", "sys", "tmp", ".guest"]) mkdirSync(join(rootfs, name), { recursive: true });
  const containers = containersOf(engine.socket, { ...image, rootfs }, new AbortController().signal);
  const bytes = 128 * 1024 * 1024;
  const report = await containers.measure({ host: { Memory: bytes, MemorySwap: bytes, PidsLimit: 64 } });
  expect(report.checks.filter(({ status }) => status !== "ran")).toEqual([]);
  expect(report.observations.find(({ id }) => id === "root-filesystem")?.verdict).toBe("denied");
  expect(report.observations.length).toBeGreaterThan(400);
});

test("a directory of a million entries costs no more than one of thousands", async () => {
  const many = join(directory, "many");
  mkdirSync(many);
  // Names of a few files, because a million files would be a million inodes.
  const script = `for my $f (0 .. 15) { open(my $h, ">", "$ARGV[0]/f$f") or die; for (1 .. 62500) { link("$ARGV[0]/f$f", "$ARGV[0]/f$f-$_") or die } }`;
  expect(spawnSync("perl", ["-e", script, many]).status).toBe(0);
  const startedMs = performance.now();
  const listed = await kernel.list(many, 500);
  expect(listed).toMatchObject({ status: "answered", value: { isWhole: false } });
  const request = { ...parseRequest('{"vantage":"target"}'), workspace: many, isPassive: true };
  const { report } = await runProbe({ request, environment: {}, checks: [unixSocket] });
  expect(report.checks.at(-1)).toMatchObject({ check: "unix-socket", status: "degraded" });
  expect(performance.now() - startedMs).toBeLessThan(15_000);
});
