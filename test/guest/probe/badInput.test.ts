import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ProbeReport } from "../../../src/guest/observation.ts";
import { CHECKS } from "../../../src/guest/probe/all.ts";
import { engineSocket } from "../../../src/guest/probe/cross-boundary/engine-socket.ts";
import { unixSocket } from "../../../src/guest/probe/cross-boundary/unix-socket.ts";
import { type Ground, kernel } from "../../../src/guest/probe/ground.ts";
import { loopbackListener } from "../../../src/guest/probe/network/loopback-listener.ts";
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

async function asked(request: object, ground: Partial<Ground> = {}): Promise<ProbeReport> {
  const told = { ...parseRequest('{"vantage":"target"}'), isPassive: true, ...request };
  const { report } = await runProbe({ request: told, environment: {}, ground: { ...kernel, ...ground } });
  return ProbeReport.parse(report);
}

const rowsOf = (report: ProbeReport) => new Map(report.observations.map((row) => [row.id, row]));

/** A directory of ours that goes again. */
function within<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "wd-bad-"));
  return use(directory).finally(() => rmSync(directory, { recursive: true }));
}

test("in a workspace whose path has 4,000 bytes, what has no room left for its name is not measured, and nothing is refused", () =>
  within(async (directory) => {
    let workspace = directory;
    while (workspace.length < 4_070) workspace = join(workspace, "d".repeat(Math.min(200, 4_078 - workspace.length)));
    mkdirSync(workspace, { recursive: true });
    writeFileSync(join(workspace, "Makefile"), "");
    const rows = rowsOf(await asked({ workspace }));
    expect(rows.get("trust-file:Makefile")).toMatchObject({ verdict: "reachable", access: ["write"] });
    expect(rows.get("scratch-space:.")?.verdict).toBe("reachable");
    for (const check of ["trust-file", "trust-file-creatable"]) {
      const tooLong = rows.get(`${check}:.github/copilot-instructions.md`);
      expect(tooLong, check).toMatchObject({
        verdict: "not-measured",
        detail: expect.stringContaining("ENAMETOOLONG"),
      });
    }
  }));

test("a directory and a link whose names are not UTF-8 are not measured, and not passed over", () =>
  within(async (workspace) => {
    const script = `mkdir "$ARGV[0]/dir-\\xff" or die; symlink("/etc/shadow", "$ARGV[0]/link-\\xfe") or die`;
    expect(spawnSync("perl", ["-e", script, workspace]).status).toBe(0);
    const report = await asked({ workspace });
    const unspelt = report.observations.filter(({ subject }) => /^(dir|link)-/.test(subject));
    expect(unspelt.map(({ id, verdict }) => [id.split(":")[0], verdict])).toEqual([
      ["unix-socket", "not-measured"],
      ["workspace-link", "not-measured"],
      ["workspace-link", "not-measured"],
    ]);
  }));

test("where every directory has more entries than can be listed, the number of questions is bounded and the rows say so", async () => {
  let listed = 0;
  let longest = 0;
  const list: Ground["list"] = async (path, max) => {
    listed++;
    longest = Math.max(longest, max);
    const entries = Array.from({ length: max }, (_, n) => ({ name: `d${n}`, kind: "directory" as const }));
    return path === "/proc" ? kernel.list(path, max) : { status: "answered", value: { entries, isWhole: false } };
  };
  const report = await asked({ workspace: tmpdir() }, { list });
  expect(listed).toBeLessThan(5_000);
  expect(longest).toBeLessThanOrEqual(8_000);
  const short = report.checks.filter(({ status }) => status === "degraded").map(({ check }) => check);
  expect(short).toEqual(expect.arrayContaining(["device-node", "program", "unix-socket", "workspace-link"]));
});

test("of a directory with thousands of entries no more are read than are asked for", () =>
  within(async (directory) => {
    for (let n = 0; n < 3_000; n++) writeFileSync(join(directory, `f${n}`), "");
    const some = await kernel.list(directory, 100);
    expect(some).toMatchObject({ status: "answered", value: { isWhole: false } });
    expect(some.status === "answered" ? some.value.entries.length : 0).toBe(100);
  }));

test("a FIFO in the place of every file that is looked at holds nothing up, also where a table is read", () =>
  within(async (directory) => {
    const [home, workspace] = [join(directory, "home"), join(directory, "workspace")];
    const files = [".netrc", ".pgpass", ".bashrc", ".gitconfig", ".ssh/id_rsa", ".docker/config.json"];
    const fifos = [
      ...files.map((name) => join(home, name)),
      ...[".env", ".git/config", "Makefile", "AGENTS.md"].map((name) => join(workspace, name)),
      join(directory, "group"),
    ];
    for (const path of fifos) mkdirSync(join(path, ".."), { recursive: true });
    expect(spawnSync("mkfifo", fifos).status).toBe(0);
    // Also one that somebody keeps open for writing and never writes to.
    const writer = openSync(join(directory, "group"), constants.O_RDWR);
    try {
      const inPlace = (path: string) => (path === "/etc/group" ? join(directory, "group") : path);
      const table: Ground["table"] = (path, max) => kernel.table(inPlace(path), max);
      const rows = rowsOf(await asked({ home, workspace }, { table }));
      expect(rows.get("root-group")).toMatchObject({ verdict: "not-measured" });
      expect(rows.get("credential-file:~/.netrc")?.detail).toContain("fifo");
      expect(rows.get("trust-file:Makefile")?.verdict).toBe("reachable");
    } finally {
      closeSync(writer);
    }
  }));

test("a listener that never answers is not measured, and one whose queue is full is not called absent", () =>
  within(async (directory) => {
    const path = join(directory, ".docker/run/docker.sock");
    mkdirSync(join(path, ".."), { recursive: true });
    const script = `
      socket(my $t, PF_INET, SOCK_STREAM, 0); bind($t, sockaddr_in(0, INADDR_LOOPBACK)) or die; listen($t, 0) or die;
      my ($port) = sockaddr_in(getsockname($t));
      socket(my $u, PF_UNIX, SOCK_STREAM, 0); bind($u, sockaddr_un($ARGV[0])) or die; listen($u, 0) or die;
      my @held;
      for my $n (1 .. 4) {
        for my $to (pack_sockaddr_in($port, INADDR_LOOPBACK), pack_sockaddr_un($ARGV[0])) {
          socket(my $c, length($to) == 16 ? PF_INET : PF_UNIX, SOCK_STREAM | 2048, 0);
          connect($c, $to);
          push @held, $c;
        }
      }
      $| = 1; print "$port\\n"; sleep 60;`;
    const silent = spawn("perl", ["-MSocket", "-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [said] = (await Promise.race([once(silent.stdout, "data"), once(silent, "exit")])) as [Buffer];
      const port = Number(said.toString());
      expect(await kernel.connect({ host: "127.0.0.1", port })).toEqual({ status: "refused", errno: "ETIMEDOUT" });
      // Only these two: what else listens on this machine is other people's.
      const line = `0: 0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
      const table: Ground["table"] = async (path, max) => {
        if (!path.startsWith("/proc/net/")) return kernel.table(path, max);
        return { status: "answered", value: path === "/proc/net/tcp" ? `sl local rem st\n${line}\n` : "" };
      };
      const request = { ...parseRequest('{"vantage":"target"}'), home: directory };
      const checks = [loopbackListener, engineSocket];
      const { report } = await runProbe({ request, environment: {}, checks, ground: { ...kernel, table } });
      const rows = rowsOf(report);
      const ofListener = [...rows.values()].filter(({ id }) => id.startsWith("loopback-listener:"));
      expect(ofListener).toMatchObject([{ verdict: "not-measured", detail: "no answer in time" }]);
      expect(rows.get("engine-socket:~/.docker/run/docker.sock")).toMatchObject({ verdict: "reachable" });
    } finally {
      silent.kill("SIGKILL");
    }
  }));

test("with the clock in 1970 the report is the same, row for row", async () => {
  const in1970 = `
    const Real = Date;
    globalThis.Date = class extends Real { constructor(...given) { super(...(given.length === 0 ? [0] : given)); } static now() { return 0; } };
    process.argv.splice(1, process.argv.length - 1, "/.guest/probe.mjs");
    import("/.guest/probe.mjs");`;
  const same = "process.argv.splice(1, process.argv.length - 1, '/.guest/probe.mjs'); import('/.guest/probe.mjs');";
  const [past, now] = [await world.bubblewrap({ wrapper: in1970 }), await world.bubblewrap({ wrapper: same })];
  expect({ ...past, durationMs: 0 }).toEqual({ ...now, durationMs: 0 });
});

test("of a mount that never answers one question is asked, what lies there is not measured, and all else is", () =>
  within(async (home) => {
    const questions: string[] = [];
    const never = <T>(path: string, ask: () => Promise<T>): Promise<T> => {
      if (path !== home && !path.startsWith(`${home}/`)) return ask();
      questions.push(path);
      return new Promise(() => undefined);
    };
    const table: Ground["table"] = async (path, max) =>
      path === "/proc/self/mountinfo"
        ? { status: "answered", value: `1 0 8:1 / / rw - ext4 d rw\n2 1 0:9 / ${home} rw - nfs4 far rw\n` }
        : kernel.table(path, max);
    const ground: Ground = {
      ...kernel,
      table,
      stat: (path) => never(path, () => kernel.stat(path)),
      lstat: (path) => never(path, () => kernel.lstat(path)),
      access: (path, mode) => never(path, () => kernel.access(path, mode)),
      list: (path, max) => never(path, () => kernel.list(path, max)),
    };
    const request = { ...parseRequest('{"vantage":"target"}'), home, isPassive: true };
    const { report, isHanging } = await runProbe({ request, environment: {}, ground });
    expect(questions).toEqual([home]);
    expect(isHanging).toBe(true);
    const rows = rowsOf(report);
    for (const id of ["credential-file:~/.netrc", "persistence-path:~/.bashrc", `host-mount:${home}`])
      expect(rows.get(id)?.verdict, id).toBe("not-measured");
    expect(report.checks.filter(({ status }) => status === "failed" || status === "skipped")).toEqual([]);
  }));
