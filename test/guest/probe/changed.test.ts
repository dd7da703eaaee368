import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Observation } from "../../../src/guest/observation.ts";
import { type Asked, type Ground, kernel } from "../../../src/guest/probe/ground.ts";
import { trustFileChanged } from "../../../src/guest/probe/memory/trust-file-changed.ts";
import { type ProbeRequest, parseRequest } from "../../../src/guest/probe/request.ts";
import { runProbe } from "../../../src/guest/probe/run.ts";

let workspace = "";
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), "wd-changed-"));
  mkdirSync(join(workspace, ".git/hooks"), { recursive: true });
  writeFileSync(join(workspace, ".git/hooks/pre-commit"), "");
  writeFileSync(join(workspace, "Makefile"), "");
});
afterEach(() => rmSync(workspace, { recursive: true, force: true }));

const BOOTED = 1_000_000;
/** The sandbox's first process was started a hundred seconds after the kernel. */
const FIRST = `1 (sh) in it) S ${"0 ".repeat(18)}10000 0 0`;
const LAUNCHED_MS = (BOOTED + 100) * 1_000;

type World = {
  tables?: Record<string, string>;
  pid?: string;
  changed?: Record<string, number>;
  request?: Partial<ProbeRequest>;
};

/** In a pid namespace of its own, in which all is older than the sandbox but what is named. */
async function look({
  tables = {},
  pid = "4026532000",
  changed = {},
  request = {},
}: World): Promise<Map<string, Observation>> {
  const known: Record<string, string> = {
    "/proc/stat": `cpu 1\nbtime ${BOOTED}\n`,
    "/proc/1/stat": FIRST,
    ...tables,
  };
  const table = async (path: string): Promise<Asked<string>> => {
    const value = known[path];
    return value === undefined ? { status: "refused", errno: "ENOENT" } : { status: "answered", value };
  };
  const lstat: Ground["lstat"] = async (path) => {
    const thing = await kernel.lstat(path);
    if (thing.status === "refused") return thing;
    const changedMs = changed[path.slice(workspace.length + 1)] ?? LAUNCHED_MS - 5_000;
    return { status: "answered", value: { ...thing.value, changedMs } };
  };
  const link: Ground["link"] = async (path) =>
    path === "/proc/self/ns/pid"
      ? { status: "answered", value: `pid:[${pid}]` }
      : { status: "refused", errno: "ENOENT" };
  const { report } = await runProbe({
    request: { ...parseRequest('{"vantage":"target"}'), workspace, ...request },
    environment: {},
    ground: { ...kernel, table, lstat, link },
    checks: [trustFileChanged],
  });
  return new Map(report.observations.map((row) => [row.id, row]));
}

test("a file that is older than the sandbox is as it was, and one that is not there is absent", async () => {
  const rows = await look({});
  expect(rows.get("trust-file-changed:Makefile")).toMatchObject({
    verdict: "absent",
    detail: expect.stringMatching(/as it was/),
  });
  expect(rows.get("trust-file-changed:.mcp.json")).toMatchObject({ verdict: "absent", detail: "not there" });
});

test.each([
  ["within the margin of the kernel's seconds", 1_500, "absent"],
  ["after it", 2_500, "reachable"],
])("a change %s reads as such", async (_, afterMs, verdict) => {
  const rows = await look({ changed: { Makefile: LAUNCHED_MS + afterMs } });
  expect(rows.get("trust-file-changed:Makefile")?.verdict).toBe(verdict);
});

test("a file that was rewritten within a directory of hooks changes that", async () => {
  const rows = await look({ changed: { ".git/hooks/pre-commit": LAUNCHED_MS + 60_000 } });
  expect(rows.get("trust-file-changed:.git/hooks")?.verdict).toBe("reachable");
});

test.each<[string, World, string]>([
  ["on the machine itself", { pid: "4026531836" }, "not the sandbox's own"],
  ["where process 1 is hidden", { tables: { "/proc/1/stat": "" } }, "does not tell"],
  ["where the kernel does not say when it began", { tables: { "/proc/stat": "cpu 1" } }, "when it began"],
  ["in the lab, whose owner hands the clone on", { request: { vantage: "lab" } }, "its owner"],
])("%s nothing is claimed", async (_, world, reason) => {
  const rows = await look({ ...world, changed: { Makefile: LAUNCHED_MS + 60_000 } });
  expect(rows.get("trust-file-changed")).toMatchObject({
    verdict: "not-measured",
    detail: expect.stringContaining(reason),
  });
});
