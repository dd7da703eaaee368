import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Report } from "../../src/report/report.ts";
import { type Ended, processesWith, weakdoor } from "../support/weakdoor.ts";

/**
 * A stack as two real agents wrote it themselves, studied as a user would: init in the project, then run, with the
 * state beside the configuration, in the project, which lies in the home. No sandbox is declared.
 */
const AGENTS = resolve(import.meta.dirname, "../agents/node_modules/.bin");
let directory: string;
let home: string;
let workspace: string;
let config: string;
let secrets: string[];
let ran: Ended;
let report: Report;

/** An agent's own command line, with a home of its own and no network at all. */
function agent(argv: readonly string[]): void {
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: home,
    DISABLE_TELEMETRY: "1",
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  };
  const { status, stderr } = spawnSync("unshare", ["-n", ...argv], {
    cwd: workspace,
    env,
    encoding: "utf8",
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
}

const claude = (...args: string[]) => agent([join(AGENTS, "claude"), ...args]);
const codex = (...args: string[]) => agent([process.execPath, join(AGENTS, "codex"), ...args]);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-agents-"));
  home = join(directory, "home");
  workspace = join(home, "code/harbor");
  config = join(workspace, "weakdoor.yaml");
  mkdirSync(workspace, { recursive: true });
  writeFileSync(join(workspace, "README.md"), "# Harbor\n");
  secrets = Array.from({ length: 3 }, () => randomBytes(24).toString("base64url"));
  const [user, project, memory] = secrets;
  const npx = ["--", "npx", "-y"];
  const files = ["@modelcontextprotocol/server-filesystem", workspace];
  claude("mcp", "add", "--scope", "user", "files", "-e", `FILES_TOKEN=${user}`, ...npx, ...files);
  claude("mcp", "add", "--scope", "project", "tickets", "-e", `TICKETS_TOKEN=${project}`, ...npx, "tickets-mcp");
  codex("mcp", "add", "memory", "--env", `MEMORY_TOKEN=${memory}`, ...npx, "@modelcontextprotocol/server-memory");
  const init = await weakdoor("init", "--home", home, "--workspace", workspace, "--out", config);
  if (init.code !== 0) throw new Error(init.err);
  ran = await weakdoor("run", "--config", config, "--reports", join(directory, "reports"));
  const [cycle] = existsSync(join(directory, "reports")) ? readdirSync(join(directory, "reports")) : [];
  if (cycle === undefined) throw new Error(ran.err + ran.out);
  report = Report.parse(JSON.parse(readFileSync(join(directory, "reports", cycle, "report.json"), "utf8")));
}, 180_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("a cycle on what init wrote for them ends well, and studies the agents as nobody confines them", () => {
  expect([0, 10], ran.err + ran.out).toContain(ran.code);
  expect(report.stack.agents.map(({ kind }) => kind)).toEqual(["claude-code", "codex"]);
  expect(report.target.weakGround).toContain("no sandbox is declared");
  expect(report.subset.status).toBe("held");
  expect(report.drills.map(({ status, detail }) => `${status} ${detail}`)).toEqual(
    report.drills.map(({ detail }) => `rang ${detail}`),
  );
});

test("it names the MCP servers that the agents were given, and the files that hold their credentials", () => {
  const about = (weakness: string) =>
    report.findings
      .filter((finding) => finding.weakness === weakness)
      .flatMap(({ evidence }) => evidence.map(({ observation }) => observation))
      .join(" ");
  for (const server of ["claude-code/files", "claude-code/tickets", "codex/memory"])
    expect(about("mcp-server-unpinned")).toContain(server);
  const written = report.clone.replaced.map(({ file }) => file);
  for (const file of ["home/.claude.json", "home/.codex/config.toml", "workspace/.mcp.json"])
    expect(written).toContain(file);
});

test("where our room is narrower than no sandbox at all, a refusal is not measured and never a denial", () => {
  const rows = report.observations.filter(
    ({ category, from }) => from === "target" && ["filesystem", "process", "cross-boundary"].includes(category),
  );
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.filter(({ verdict }) => verdict === "denied" || verdict === "absent")).toEqual([]);
  expect(rows.some(({ verdict }) => verdict === "not-measured")).toBe(true);
});

test("no real value stands in the reports, in the state or on the terminal, also not encoded", () => {
  const state = join(workspace, ".weakdoor");
  const texts = [ran.out, ran.err, ...[join(directory, "reports"), state].flatMap((root) => contents(root))];
  expect(texts.length).toBeGreaterThan(10);
  for (const value of secrets) {
    expect(readFileSync(join(home, ".claude.json"), "utf8")).toContain(secrets[0]);
    const forms = [value, Buffer.from(value).toString("base64").replace(/=+$/, "")];
    for (const form of forms) expect(texts.some((text) => text.includes(form))).toBe(false);
  }
});

test("nothing is running afterwards, every sandbox is certified, and the stack is as it was", () => {
  expect(processesWith(directory)).toEqual([]);
  for (const { sandbox, status } of report.certificates) expect(status, sandbox).toBe("destroyed");
  const run = join(workspace, ".weakdoor/run");
  expect(readdirSync(run).filter((name) => /^(wd-)?c\d/.test(name))).toEqual([]);
  expect(readdirSync(workspace).sort()).toEqual([".mcp.json", ".weakdoor", "README.md", "weakdoor.yaml"]);
});

/** Of every file below a directory but the guest's runtime, which holds nothing of a stack. */
function contents(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("/cache"))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
}
