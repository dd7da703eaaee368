import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { OperatorError } from "../../src/base/errors.ts";
import { loadConfig } from "../../src/config/config.ts";
import { runOnce } from "../../src/cycle/run.ts";
import { Report } from "../../src/report/report.ts";
import { CLEAR_LINE, type SmallStack, stackOf } from "../support/stackOf.ts";
import { type Ended, processesWith, weakdoor } from "../support/weakdoor.ts";

/** What a cycle meets in a stack and on a machine that are not as they should be. */
function expectNothingLeft(stack: SmallStack): void {
  expect(processesWith(stack.directory)).toEqual([]);
  const run = join(stack.state, "run");
  expect((existsSync(run) ? readdirSync(run) : []).filter((name) => /^(wd-)?c\d|^lock$/.test(name))).toEqual([]);
}

/** The one line and hint are the last of standard error; before them stand the steps that ended. */
function clearLineOf({ code, err }: Ended): string {
  expect(code, err).toBe(2);
  const line = err.replace(/^ {2}.*\n/gm, "");
  expect(line).toMatch(CLEAR_LINE);
  return line;
}

describe("a stack full of odd files, on a machine whose engine does not answer", () => {
  let stack: SmallStack;
  let silent: Server;
  const held: Socket[] = [];
  let ran: Ended;
  let report: Report;

  beforeAll(async () => {
    stack = stackOf("odd");
    const socket = join(stack.directory, "engine.sock");
    silent = createServer((connection) => void held.push(connection)).listen(socket);
    writeFileSync(stack.config, `${readFileSync(stack.config, "utf8")}docker: { socket: engine.sock }\n`);
    await fill(stack);
    ran = await weakdoor("run", ...stack.args);
    const [cycle] = existsSync(stack.reports) ? readdirSync(stack.reports) : [];
    if (cycle === undefined) throw new Error(ran.err);
    report = Report.parse(JSON.parse(readFileSync(join(stack.reports, cycle, "report.json"), "utf8")));
  }, 120_000);
  afterAll(() => {
    for (const connection of held) connection.destroy();
    silent.close();
    stack.remove();
  });

  test("the cycle goes on to its end, and says by its exit code that it did not see everything", () => {
    expect(ran.code, ran.err).toBe(20);
    expectNothingLeft(stack);
    for (const { status, sandbox } of report.certificates) expect(status, sandbox).toBe("destroyed");
  });

  test("each backend that did not answer is a row of the coverage, with the reason", () => {
    const rows = report.coverage.filter(({ check }) => check.startsWith("backend: docker"));
    expect(rows.map(({ check, status }) => [check, status])).toEqual([
      ["backend: docker-runsc", "skipped"],
      ["backend: docker-runc", "skipped"],
    ]);
    for (const { reason } of rows)
      expect(reason).toMatch(/no Docker engine at .*engine\.sock: it did not answer within/);
    expect(held.length).toBeGreaterThan(0);
  });

  test("each agent's file with a syntax error is a row of the coverage, and its checks say that they could not look", () => {
    const rows = report.coverage.filter(({ check, status }) => check.startsWith("read ") && status === "failed");
    expect(rows.map(({ check }) => check).sort()).toEqual([
      "read home/.codex/config.toml",
      "read workspace/.claude/settings.json",
      "read workspace/.mcp.json",
    ]);
    const failed = report.coverage.filter(({ from, status }) => from === "audit" && status === "failed");
    expect(failed.map(({ check }) => check)).toEqual(
      expect.arrayContaining(["codex-sandbox-mode", "mcp-server-unpinned"]),
    );
  });

  test("what was not copied is listed with its reason, and nothing was followed out", () => {
    const reasons = Object.fromEntries(report.clone.skipped.map(({ file, reason }) => [file, reason]));
    expect(reasons).toMatchObject({
      "home/.bashrc": "larger than 8388608 bytes",
      "home/.netrc": "a link that leads out of the tree",
      "home/.npmrc": "a socket, device or FIFO",
      "workspace/CLAUDE.md": "larger than 8388608 bytes",
      "workspace/engine.sock": "a socket, device or FIFO",
      "workspace/fifo": "a socket, device or FIFO",
      "workspace/loop-a": expect.stringContaining("a loop of links"),
      "workspace/out": "a link that leads out of the tree",
      workspace: "1 of its names are not UTF-8",
    });
    expect(JSON.stringify(report)).not.toContain("root:x:0:0");
  });

  test("names with a newline, a direction mark or an escape are shown inert", () => {
    const html = readFileSync(join(stack.reports, report.cycle, "report.html"), "utf8");
    const text = readFileSync(join(stack.reports, report.cycle, "report.md"), "utf8");
    for (const shown of [html, text, ran.out, ran.err]) {
      // oxlint-disable-next-line no-control-regex
      expect(shown).not.toMatch(/[\u001B\u202E]/);
      expect(shown).not.toContain("<script>");
    }
  });

  test("a report that was changed afterwards is not shown as the cycle's, and neither is one that is cut off", async () => {
    const path = join(stack.reports, report.cycle, "report.json");
    const written = readFileSync(path, "utf8");
    expect((await weakdoor("report", "--state", stack.state)).code).toBe(0);
    for (const changed of [written.replace('"medium"', '"low"'), written.slice(0, 900), "{}"]) {
      writeFileSync(path, changed);
      expect(clearLineOf(await weakdoor("report", "--state", stack.state))).toContain(
        "not the report that the log knows",
      );
    }
    rmSync(path);
    expect(clearLineOf(await weakdoor("report", "--state", stack.state))).toContain("is gone");
    writeFileSync(path, written);
  });

  test("a closed pipe does not hurt a reading verb", () => {
    const script = '"$0" "$1" report --json --state "$2" | head -c 20 >/dev/null; echo "${PIPESTATUS[0]}"';
    const main = join(import.meta.dirname, "../../src/main.ts");
    const ended = spawnSync("bash", ["-c", script, process.execPath, main, stack.state], { encoding: "utf8" });
    expect(ended).toMatchObject({ stdout: "0\n", stderr: "" });
  });

  test("while the latch is set nothing starts, and a newer weakdoor's store is left alone", async () => {
    await weakdoor("kill", "--reason", "a test", "--state", stack.state);
    expect(clearLineOf(await weakdoor("run", ...stack.args))).toContain("the kill switch is set: a test");
    await weakdoor("rearm", "--reason", "a test", "--state", stack.state);
    const store = new Database(join(stack.state, "weakdoor.db"));
    store.pragma("user_version = 999");
    store.close();
    for (const verb of [
      ["run", ...stack.args],
      ["status", "--state", stack.state],
    ])
      expect(clearLineOf(await weakdoor(...verb))).toContain("was written by a newer weakdoor");
    expectNothingLeft(stack);
  });
});

/** Every kind of file that a copy may trip over. */
async function fill({ home, workspace }: SmallStack): Promise<void> {
  mkdirSync(join(home, ".codex"));
  mkdirSync(join(workspace, ".claude"));
  writeFileSync(join(home, ".claude.json"), '{ "mcpServers": {} }');
  writeFileSync(join(home, ".codex/config.toml"), "model = = 1\n");
  writeFileSync(join(workspace, ".claude/settings.json"), '{ "permissions": [');
  writeFileSync(join(workspace, ".mcp.json"), '{ "mcpServers": { "a": { "command":');
  writeFileSync(join(workspace, ".env.backup"), "A=1\n");
  for (const path of [join(workspace, "huge.txt"), join(workspace, "CLAUDE.md"), join(home, ".bashrc")]) {
    writeFileSync(path, "x");
    truncateSync(path, 2 * 1024 ** 3);
  }
  symlinkSync("loop-b", join(workspace, "loop-a"));
  symlinkSync("loop-a", join(workspace, "loop-b"));
  symlinkSync(".", join(workspace, "self"));
  symlinkSync("/etc", join(workspace, "out"));
  symlinkSync("/etc/passwd", join(home, ".netrc"));
  for (const path of [join(workspace, "fifo"), join(home, ".npmrc")]) execFileSync("mkfifo", [path]);
  const bound = createServer();
  await new Promise<void>((done) => bound.listen(join(workspace, "engine.sock"), done));
  bound.unref();
  const names = [
    "with space",
    "quo'te\"s",
    "new\nline",
    "-rf",
    "$(id)",
    "*",
    "a\u202Eb",
    "esc\u001B[31m",
    "<script>",
  ];
  for (const name of names) writeFileSync(join(workspace, name), "x");
  writeFileSync(Buffer.concat([Buffer.from(`${workspace}/`), Buffer.from([0xff, 0xfe])]), "x");
  writeFileSync(join(workspace, "unreadable"), "x");
  chmodSync(join(workspace, "unreadable"), 0);
}

test("a stack that goes away between reading the configuration and the clone is a clear line, and nothing is left", async () => {
  const stack = stackOf("gone");
  try {
    const config = await loadConfig(stack.config);
    mkdirSync(stack.state);
    rmSync(stack.workspace, { recursive: true });
    const outcome = await runOnce({
      config,
      stateDir: stack.state,
      reportsDir: stack.reports,
      version: "test",
      model: undefined,
      dockerSocket: join(stack.directory, "none.sock"),
      clock: systemClock,
      signal: new AbortController().signal,
      progress: { began: () => undefined, ended: () => undefined, failed: () => undefined },
    });
    if (outcome.status !== "failed") throw new Error(`it ended ${outcome.status}`);
    expect(outcome.error).toBeInstanceOf(OperatorError);
    expect(String(outcome.error)).toContain("is not a directory that can be read");
    expectNothingLeft(stack);
  } finally {
    stack.remove();
  }
});

describe("on a full disk", () => {
  let stack: SmallStack;
  beforeAll(() => {
    stack = stackOf("full");
    mkdirSync(stack.state);
  });
  afterAll(() => {
    spawnSync("umount", ["-l", stack.state]);
    stack.remove();
  });

  /** The state directory on a small disk of its own. */
  function disk(sizeMiB: number): void {
    spawnSync("umount", ["-l", stack.state]);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMiB}m,mode=0700`, "tmpfs", stack.state]);
    expect(mounted.status).toBe(0);
  }

  function leave(freeKiB: number): void {
    const { bavail, bsize } = statfsSync(stack.state);
    writeFileSync(join(stack.state, "filling"), Buffer.alloc(bavail * bsize - freeKiB * 1024));
  }

  test("that has no room for the sandboxes' own parts it stops before anything is made of them", async () => {
    disk(8);
    expect(clearLineOf(await weakdoor("run", ...stack.args))).toMatch(/no space is left on its disk \(ENOSPC\)/);
    expectNothingLeft(stack);
    expect(readdirSync(join(stack.state, "cache")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("that fills up in the middle it ends what it had started, and goes on when there is room", async () => {
    disk(220);
    const first = stackOf("room");
    try {
      const prepared = await weakdoor("run", ...first.args);
      expect(prepared.code, prepared.err).toBeLessThan(20);
      // With its hard links, which make two of its directories share 120 MiB.
      execFileSync("cp", ["-a", join(first.state, "cache"), stack.state]);
    } finally {
      first.remove();
    }
    for (const freeKiB of [0, 40, 900]) {
      leave(freeKiB);
      const ended = await weakdoor("run", ...stack.args);
      expect(clearLineOf(ended)).toMatch(/no space|is full|free space/);
      expectNothingLeft(stack);
      expect(existsSync(stack.reports) ? readdirSync(stack.reports) : []).toEqual([]);
      rmSync(join(stack.state, "filling"));
    }
    const after = await weakdoor("run", ...stack.args);
    expect(after.code, after.err).toBeLessThan(20);
    expect((await weakdoor("log", "verify", "--state", stack.state)).code).toBe(0);
  }, 180_000);
});
