import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ProbeReport } from "../../../src/guest/observation.ts";
import { CHECKS } from "../../../src/guest/probe/all.ts";
import { unixSocket } from "../../../src/guest/probe/cross-boundary/unix-socket.ts";
import { type Ground, kernel } from "../../../src/guest/probe/ground.ts";
import { parseRequest } from "../../../src/guest/probe/request.ts";
import { runProbe } from "../../../src/guest/probe/run.ts";
import { measure, requestOf } from "../../../src/probe/probe.ts";
import { makeWorld, type World } from "./world.ts";

/** A sandbox that lies, hides or starves: each row says why it could not be measured, and there is always a report. */

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.close());

const LIES = [
  "",
  "\0",
  "nonsense",
  ":::\n".repeat(50),
  "9".repeat(5_000),
  "Uid:\t\nCapEff:\tzz\nSeccomp:\t-\n",
  "1 1 1 1 1 - 1 1 1\n",
];

test.each(LIES)(
  "whatever the kernel's tables say (%#), the report has its shape and every check its row",
  async (lie) => {
    const ground: Ground = { ...kernel, table: async () => ({ status: "answered", value: lie }) };
    const request = { ...parseRequest('{"vantage":"target"}'), workspace: tmpdir(), isPassive: true };
    const { report } = await runProbe({ request, environment: {}, ground });
    expect(ProbeReport.safeParse(report).error).toBeUndefined();
    expect(report.checks.filter(({ status }) => status === "failed")).toEqual([]);
    const rows = new Set(report.observations.map(({ id }) => id.replace(/^own:/, "").split(":")[0]));
    expect(CHECKS.map(({ id }) => id).filter((id) => !rows.has(id))).toEqual(
      rows.has("trust-file-creatable") ? [] : ["trust-file-creatable"],
    );
  },
);

test("a socket whose name is not UTF-8 is not measured, and not called absent", async () => {
  const directory = mkdtempSync(join(tmpdir(), "wd-name-"));
  try {
    const made = spawnSync("perl", [
      "-MSocket",
      "-e",
      'socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un("$ARGV[0]/bad-\\xff.sock")) or die',
      directory,
    ]);
    expect(made.status).toBe(0);
    const request = { ...parseRequest('{"vantage":"target"}'), workspace: directory };
    const { report } = await runProbe({ request, environment: {}, checks: [unixSocket] });
    const row = report.observations.find(({ subject }) => subject === "bad-?.sock");
    expect(row).toMatchObject({ verdict: "not-measured", detail: expect.stringContaining("UTF-8") });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("hundreds of sockets whose names one service drew keep no single other one from being asked", async () => {
  const directory = mkdtempSync(join(tmpdir(), "wd-many-"));
  try {
    const made = spawnSync("perl", [
      "-MSocket",
      "-e",
      'for my $n (map { sprintf("%064x", $_) } 1 .. 150) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un("$ARGV[0]/a$n")) or die } socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un("$ARGV[0]/zoo.sock")) or die',
      directory,
    ]);
    expect(made.stderr.toString()).toBe("");
    const request = { ...parseRequest('{"vantage":"target"}'), workspace: directory };
    const { report } = await runProbe({ request, environment: {}, checks: [unixSocket] });
    expect(report.observations.find(({ subject }) => subject === "zoo.sock")).toMatchObject({ verdict: "absent" });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("with too little memory to start in, the measurement is refused with its reason and is no empty report", async () => {
  const ended = await world.raw({ prefix: ["prlimit", "--as=67108864", "--"] });
  const carried = { ...ended, isTruncated: false, isTimedOut: false };
  expect(await measure(async () => carried, requestOf({ vantage: "target" }))).toMatchObject({
    status: "refused",
    reason: expect.stringContaining("no report"),
  });
});

test("no row depends on the time of day: the probe never asks for it, whatever year the clock is in", () => {
  const root = new URL("../../../src/guest/probe/", import.meta.url).pathname;
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  expect(files.filter((name) => /\bDate\b/.test(readFileSync(join(root, name), "utf8")))).toEqual([]);
});
