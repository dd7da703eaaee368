import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isExposure } from "../../../src/guest/exposure.ts";
import type { ProbeReport } from "../../../src/guest/observation.ts";
import { CHECKS } from "../../../src/guest/probe/all.ts";
import { GUEST_DIR } from "../../../src/guest/wire.ts";
import { diffReports } from "../../../src/probe/diff.ts";
import { OUR_MACHINERY } from "../../../src/probe/probe.ts";
import { makeWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.close());

/** What the machine and bubblewrap themselves leave open, whatever the sandbox: the kernel's settings and its own tables. */
const OF_THE_MACHINE = /^(kernel-sysctl:|ptrace-scope$|host-path-leak$|procfs-masking:)/;

function exposures(report: ProbeReport): string[] {
  return report.observations.filter(isExposure).map((row) => row.id);
}

/** Every check is in the coverage, and has at least one row. */
function silent(report: ProbeReport): string[] {
  const ran = new Set(report.checks.map((run) => run.check));
  const rows = report.observations.map((row) => row.id.replace(/^own:/, "").split(":")[0]);
  return CHECKS.map((check) => check.id).filter((id) => !ran.has(id) || !rows.includes(id));
}

test("a hardened sandbox stays quiet and reports every check", async () => {
  const report = await world.bubblewrap({ isUnprivileged: true });
  expect(report.boundary).toBe("seccomp");
  expect(silent(report)).toEqual([]);
  expect(report.checks.filter((run) => run.status !== "ran")).toEqual([]);
  expect(exposures(report).filter((id) => !OF_THE_MACHINE.test(id))).toEqual([
    "host-mount:/home/agent",
    "host-mount:/workspace",
  ]);
});

test("under gVisor the boundary is named, and Seccomp: 0 and a kernel of 2016 raise nothing", async () => {
  const report = await world.gvisor();
  expect(report.boundary).toBe("gvisor");
  expect(silent(report)).toEqual([]);
  expect(exposures(report)).toEqual([]);
  expect(report.observations.find((row) => row.id === "syscall-boundary")).toMatchObject({ verdict: "denied" });
});

test("under gVisor a secret, a capability and a writable mount flip their own rows", async () => {
  const before = await world.gvisor();
  const source = join(world.directory, "gvisor-workspace");
  mkdirSync(source);
  const mounts = [{ destination: "/workspace", type: "bind", source, options: ["rw"] }];
  const after = await world.gvisor({ env: ["API_KEY=made-up"], capabilities: ["CAP_SYS_ADMIN"], mounts });
  const ids = diffReports(before, after).widened.map((change) => change.id);
  expect(ids.filter((id) => !/^trust-file-creatable:[^~]/.test(id))).toEqual([
    "capability:CAP_SYS_ADMIN",
    "env-secret:API_KEY",
    "host-mount:/workspace",
    "mount:/workspace",
  ]);
});

test.each(["bubblewrap", "gvisor"] as const)("five runs in %s say the same to the byte", async (kind) => {
  const hashes = new Set<string>();
  for (let run = 0; run < 5; run++) {
    const report = kind === "gvisor" ? await world.gvisor() : await world.bubblewrap();
    hashes.add(
      createHash("sha256")
        .update(JSON.stringify({ ...report, durationMs: 0 }))
        .digest("hex"),
    );
  }
  expect(hashes.size).toBe(1);
});

test("it takes a moment, and fits into 64 processes and 64 descriptors, loader and launcher included", async () => {
  const report = await world.bubblewrap({
    isUnprivileged: true,
    // RLIMIT_NPROC counts the threads of the user, not only ours.
    prefix: ["prlimit", "--nproc=64", "--nofile=64", "--"],
  });
  const times = [report.durationMs];
  for (let run = 0; run < 4; run++) times.push((await world.bubblewrap()).durationMs);
  // The figure is the bench's; this tells a look from a search.
  expect(times.sort((a, b) => a - b)[2]).toBeLessThan(2_000);
});

test("it needs no more than 96 MB", async () => {
  const wrapper = `
    const { spawn } = require("node:child_process");
    const { readFileSync } = require("node:fs");
    const [program, ...rest] = process.argv.slice(1);
    const child = spawn(program, ["--library-path", rest[1], rest[2], "-e",
      "process.on('exit', () => console.error('rss ' + process.resourceUsage().maxRSS)); process.argv.splice(1, 0, 'probe'); import('/.guest/probe.mjs')"],
      { stdio: "inherit" });
    child.on("close", (code) => process.exit(code));`;
  const { stderr, stdout } = await world.raw({ wrapper });
  expect(stdout).toContain('"version":1');
  expect(Number(/rss (\d+)/.exec(stderr)?.[1])).toBeLessThan(96 * 1024);
});

test("with /proc hidden the rows read not-measured, none is missing, and no refusal is believed", async () => {
  const report = await world.bubblewrap({ without: ["--proc"], args: ["--tmpfs", "/proc"], request: {} });
  expect(report.boundary).toBe("unknown");
  expect(silent(report)).toEqual([]);
  const asked = ["no-new-privs", "syscall-boundary", "namespace:pid", "network-interface", "mount"];
  const verdicts = asked.map((id) => report.observations.find((row) => row.id === id)?.verdict);
  expect(new Set(verdicts)).toEqual(new Set(["not-measured"]));
  expect(exposures(report).filter((id) => /^(capability|no-new-privs|syscall|namespace)/.test(id))).toEqual([]);
});

test("a directory of thousands and a FIFO in the place of a credential hold nothing up", async () => {
  const home = join(world.directory, "home-huge");
  mkdirSync(join(home, "many"), { recursive: true });
  for (let n = 0; n < 3_000; n++) writeFileSync(join(home, "many", `f${n}`), "");
  const { spawnSync } = await import("node:child_process");
  expect(spawnSync("mkfifo", [join(home, ".netrc")]).status).toBe(0);
  const report = await world.bubblewrap({ args: ["--ro-bind", home, "/home/agent"] });
  expect(report.durationMs).toBeLessThan(5_000);
  expect(report.checks.find((run) => run.check === "unix-socket")).toMatchObject({ status: "degraded" });
  rmSync(home, { recursive: true });
});

test("our own machinery is named as ours and is no exposure", async () => {
  const report = await world.bubblewrap();
  expect(OUR_MACHINERY).toContain(GUEST_DIR);
  const own = report.observations.filter((row) => row.id.startsWith("own:"));
  expect(own.map((row) => row.id)).toContain(`own:host-mount:${GUEST_DIR}`);
  expect(own.filter(isExposure)).toEqual([]);
});

test("a request that is no request ends with code 2 and nothing on standard output", async () => {
  const ended = await world.raw({ request: { vantage: "moon" as "lab" } });
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toContain("vantage");
});
