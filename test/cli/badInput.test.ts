import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CLEAR_LINE, type SmallStack, stackOf } from "../support/stackOf.ts";
import { start, weakdoor } from "../support/weakdoor.ts";

/** What a person may type or write wrongly, before anything starts: one line, one hint, exit 2, nothing made. */
let stack: SmallStack;
beforeEach(() => {
  stack = stackOf("input");
});
afterEach(() => stack.remove());

async function refused(...args: string[]): Promise<string> {
  const ended = await weakdoor(...args);
  expect(ended.err).toMatch(CLEAR_LINE);
  expect(ended).toMatchObject({ code: 2, out: "" });
  return ended.err;
}

const GOOD = "version: 1\nstack: { name: small, home: home, workspace: workspace }\n";

test.each([
  ["a syntax error", "version: 1\nstack: {\n", /weakdoor\.yaml:\d+: /],
  ["an unknown key", `${GOOD}limit: {}\n`, /weakdoor\.yaml:3: limit: unknown key\nhint: did you mean limits\?/],
  ["a wrong type", `${GOOD}limits: { pids: many }\n`, /weakdoor\.yaml:3: limits\.pids: "many" is not valid/],
  ["a path that is not there", GOOD.replace("home: home", "home: gone"), /stack\.home: gone .* does not exist/],
  ["a path that is a file", GOOD.replace("home: home", "home: weakdoor.yaml"), /is no directory/],
  ["a tilde", GOOD.replace("home: home", "home: ~/x"), /does not exist\nhint: ~ is not expanded/],
  ["nothing in it", "", /the file: null is not valid/],
  ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00]), /not UTF-8/],
])("a weakdoor.yaml with %s names the place and the remedy, and no state is made", async (_, content, said) => {
  writeFileSync(stack.config, content);
  expect(await refused("run", ...stack.args)).toMatch(said);
  expect(existsSync(stack.state)).toBe(false);
  expect(existsSync(stack.reports)).toBe(false);
});

test("a configuration that is no file, or far too large, or not there, is not read", async () => {
  expect(await refused("run", "--config", stack.workspace)).toContain("not a file");
  spawnSync("mkfifo", [join(stack.directory, "fifo.yaml")]);
  expect(await refused("run", "--config", join(stack.directory, "fifo.yaml"))).toContain("not a file");
  truncateSync(stack.config, 2 * 1024 ** 3);
  expect(await refused("run", ...stack.args)).toContain("larger than 1 MiB");
  expect(await refused("run", "--config", join(stack.directory, "none.yaml"))).toContain("no such file");
});

test.each([
  [["runn"], "there is no verb runn"],
  [["run", "--demmo"], "unknown option '--demmo'"],
  [["run", "extra"], "run takes no argument extra"],
  [["run", "--state"], "argument missing"],
  [["run", "--state", ""], "--state is empty"],
  [["run", "--demo", "--config", "x.yaml"], "do not go together"],
  [["kill", "--state", "/nonexistent"], "kill needs a reason"],
  [["status", "--state", "/nonexistent/state"], "there is no state directory"],
  [["show", "--state", "/nonexistent"], "show needs the id"],
  [["a\u202Eb\u001B[31m"], "there is no verb a\\u{202e}b\\u{1b}[31m"],
])("%j is refused in one line", async (args, said) => {
  expect(await refused(...args)).toContain(said);
});

test("a state or a report directory that cannot be one is told before anything starts", async () => {
  const file = join(stack.directory, "file");
  writeFileSync(file, "");
  const { config, state } = stack;
  expect(await refused("run", "--config", config, "--state", file)).toContain("cannot be made a directory (EEXIST)");
  expect(await refused("run", "--config", config, "--state", join(file, "x"))).toContain("(ENOTDIR)");
  expect(await refused("run", "--config", config, "--state", state, "--reports", file)).toContain("(EEXIST)");
  expect(existsSync(state) ? readdirSync(state) : []).toEqual([]);
});

test("on a read-only disk it says so, and starts nothing", async () => {
  const mount = join(stack.directory, "disk");
  mkdirSync(mount);
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", mount]).status).toBe(0);
  try {
    for (const state of [mount, join(mount, "state")])
      expect(await refused("run", "--config", stack.config, "--state", state)).toContain("read-only (EROFS)");
  } finally {
    spawnSync("umount", ["-l", mount]);
  }
});

test("a current directory that is gone is a line, not a stack", () => {
  const main = resolve(import.meta.dirname, "../../src/main.ts");
  const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" status';
  const ended = spawnSync("/bin/sh", ["-c", script, process.execPath, main], {
    cwd: stack.directory,
    encoding: "utf8",
  });
  expect(ended.stderr).toMatch(/^weakdoor: the current directory is gone\nhint: [^\n]+\n$/);
  expect(ended.status).toBe(2);
});

test("a reader that goes away is no fault of ours", async () => {
  const running = start(["help"]);
  running.child.stdout.destroy();
  expect(await running.ended).toMatchObject({ code: 0, err: "" });
});
