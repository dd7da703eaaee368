import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verb } from "../../../src/cli/probe.ts";
import { standalone, tableOf } from "../../../src/guest/probe/standalone.ts";
import { parseProbe } from "../../../src/probe/probe.ts";
import { report, row } from "../../probe/sample.ts";
import { runVerb } from "../../support/io.ts";

/** The one file, as a person gets it from `weakdoor probe --copy`. */
let directory: string;
let file: string;
let said: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-alone-"));
  file = join(directory, "weakdoor-probe.mjs");
  const ran = await runVerb(verb, [], { copy: "weakdoor-probe.mjs" }, directory);
  said = ran.out.join("\n");
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const start = (args: string[], input = "") =>
  spawnSync(process.execPath, [file, ...args], { encoding: "utf8", input, cwd: directory, env: { HOME: directory } });

/** Comes with the engine that the tests install. */
const RUNC = "runc";
const WHERE = { cwd: "/work", isTerminal: false };

test("flags say what is looked at and how it is shown; the root of everything is no workspace", () => {
  expect(standalone(["--table", "--deep", "--home", "/h"], WHERE)).toMatchObject({
    status: "run",
    isTable: true,
    request: { vantage: "target", isDeep: true, home: "/h", workspace: "/work" },
  });
  expect(standalone([], { cwd: "/", isTerminal: true })).toMatchObject({ isTable: true });
  expect(standalone([], { cwd: "/", isTerminal: true })).not.toHaveProperty("request.workspace");
  expect(standalone(["--help"], WHERE)).toEqual({ status: "help" });
  for (const wrong of [["--tabel"], ["--home"], ["--workspace", "here"]])
    expect(() => standalone(wrong, WHERE)).toThrow(/usage:/);
});

test("the table names each open door by category, what was not looked at, and nothing that a terminal obeys", () => {
  const table = tableOf(
    report(
      "target",
      [
        row("env-secret:A", "reachable", { detail: "\u001b[31mset" }),
        row("mount:/", "reachable"),
        row("b", "not-measured"),
      ],
      {
        checks: [{ check: "late", category: "filesystem", from: "target", status: "failed", reason: "no answer" }],
      },
    ),
  );
  expect(table).toContain("3 rows in 1 ms, 1 open");
  expect(table).toContain("  env-secret:A  read  ?[31mset");
  expect(table).not.toContain("mount:/");
  expect(table).toContain("1 rows not measured");
  expect(table).toContain("late failed: no answer");
});

test("it is one file that needs nothing beside it", () => {
  expect(said).toContain("node weakdoor-probe.mjs --table");
  expect(statSync(file).mode & 0o777).toBe(0o755);
  expect(readFileSync(file, "utf8")).not.toMatch(/^import .* from "(?!node:)/m);
});

test("without a request it looks from where it stands, and with one it answers that", () => {
  const alone = parseProbe(start(["--json"]).stdout);
  expect(alone).toMatchObject({ status: "measured", report: { from: "target" } });
  expect(parseProbe(start([]).stdout)).toMatchObject({ status: "measured" });
  expect(parseProbe(start([], '{"vantage":"lab"}').stdout)).toMatchObject({ report: { from: "lab" } });
});

test("a flag it does not know, and a request it cannot read, are exit code 2 and a line", () => {
  for (const ran of [start(["--nonsense"]), start(["{"]), start([], "{}")]) {
    expect(ran.status).toBe(2);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toMatch(/^weakdoor probe: /);
  }
});

test("in a container from scratch, read-only, of 128 MiB and 64 processes, for nobody, it measures and says all of it", () => {
  const rootfs = join(directory, "rootfs");
  for (const path of ["proc", "dev", "sys", "tmp"]) mkdirSync(join(rootfs, path), { recursive: true });
  const node = realpathSync(process.execPath);
  const libraries = spawnSync("ldd", [node], { encoding: "utf8" }).stdout.match(/\/\S+/g) ?? [];
  for (const path of libraries) {
    mkdirSync(join(rootfs, dirname(path)), { recursive: true });
    copyFileSync(path, join(rootfs, path));
  }
  copyFileSync(node, join(rootfs, "node"));
  copyFileSync(file, join(rootfs, "weakdoor-probe.mjs"));
  writeFileSync(join(directory, "config.json"), JSON.stringify(bundle(["/node", "/weakdoor-probe.mjs", "--json"])));
  const name = `wdalone${process.pid}`;
  const ran = spawnSync(RUNC, ["--root", join(directory, "runc"), "run", "--bundle", directory, name], {
    encoding: "utf8",
    input: "",
  });
  const measured = parseProbe(ran.stdout);
  expect(measured, ran.stderr).toMatchObject({ status: "measured", report: { boundary: "namespaces" } });
  if (measured.status !== "measured") return;
  const { observations, checks } = measured.report;
  expect(checks.filter(({ status }) => status !== "ran")).toEqual([]);
  const verdicts = new Map(observations.map(({ id, verdict }) => [id, verdict]));
  expect(verdicts.get("root-filesystem")).toBe("denied");
  expect(ran.status).toBe(0);
});

function bundle(args: string[]) {
  const mebibytes = 1024 * 1024;
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 65534, gid: 65534 },
      args,
      env: ["PATH=/"],
      cwd: "/",
      capabilities: { bounding: [], effective: [], permitted: [] },
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"] },
    ],
    linux: {
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
      resources: { memory: { limit: 128 * mebibytes }, pids: { limit: 64 } },
    },
  };
}
