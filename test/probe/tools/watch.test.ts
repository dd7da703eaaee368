import { spawn } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { isRunOf } from "../../../src/probe/tools/identity.ts";
import { type SeenProcess, wallsBeyond, watchTree } from "../../../src/probe/tools/watch.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

test("a process is seen with its parents, the names of its variables and what it listens on, and no value", async () => {
  const script = 'require("net").createServer().listen(0, "127.0.0.1")';
  // Two levels down, and a shell that waits.
  const shell = spawn("/bin/sh", ["-c", `'${process.execPath}' -e '${script}'; true`], {
    env: { SOME_TOKEN: "not-to-be-shown", PATH: "/bin" },
  });
  ends.push(() => shell.kill("SIGKILL"));
  let told = 0;
  const watch = watchTree(process.pid, ({ argv }) => {
    if (argv.includes(script)) told++;
  });
  ends.push(() => void watch.stop());
  const found = () => watch.seen().find(({ argv }) => argv.includes(script) && argv[0] === process.execPath);
  // The number of a port that the kernel chose is left out.
  await expect.poll(() => found()?.listens.join(), { timeout: 30_000 }).toMatch(/^loopback/);
  const seen = found();
  ends.push(() => process.kill(seen?.pid ?? 0, "SIGKILL"));
  await watch.stop();
  expect(seen?.ancestors).toEqual([shell.pid, process.pid]);
  expect(seen?.envNames).toContain("SOME_TOKEN");
  expect(JSON.stringify(watch.seen())).not.toContain("not-to-be-shown");
  expect(told).toBe(1);
});

test("walls are counted from one side: what the one stands behind and the other does not", () => {
  const open: SeenProcess = {
    argv: [],
    ancestors: [],
    pid: 2,
    namespaces: { mnt: "mnt:[1]", net: "net:[1]", cgroup: "cgroup:[1]" },
    seccomp: "0/0",
    noNewPrivs: "1",
    envNames: [],
    listens: [],
  };
  expect(wallsBeyond(open, open)).toEqual([]);
  const closed = { ...open, namespaces: { mnt: "mnt:[9]", net: "net:[1]", cgroup: "cgroup:[9]" }, seccomp: "2/1" };
  expect(wallsBeyond(closed, open)).toEqual(["mnt namespace", "seccomp 2/1 against 0/0"]);
});

test.each([
  [["/bin/sh", "-c", 'node "$HOME/.claude/hooks/x.mjs"'], true],
  [["node", "/home/dev/.claude/hooks/x.mjs"], true],
  [["/usr/bin/node", "/home/dev/.claude/hooks/x.mjs"], true],
  [["node", "/home/dev/.claude/hooks/y.mjs"], false],
  [["node", "/home/dev/.claude/hooks/x.mjs", "--more"], false],
  [[], false],
])("a hook's command and a process of the command line %j", (argv, isIt) => {
  expect(isRunOf('node "$HOME/.claude/hooks/x.mjs"', argv)).toBe(isIt);
});
