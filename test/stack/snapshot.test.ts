import { chmodSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { discover } from "../../src/stack/discover.ts";
import type { Machine } from "../../src/stack/installed.ts";
import type { Roots } from "../../src/stack/reader.ts";
import { takeSnapshot } from "../../src/stack/snapshot.ts";
import { put, type Tree, tree } from "../support/tree.ts";

const MACHINE: Machine = { kernel: "6.1.0", npmRoots: [], dpkgQuery: "/nonexistent/dpkg-query" };

async function snapshot(roots: Roots, machine: Machine = MACHINE) {
  return await takeSnapshot(roots, await discover(roots), { machine });
}

function stack(): Tree {
  return tree({
    "home/.claude.json": { numStartups: 1, mcpServers: { a: { command: "node" } } },
    "home/.claude/settings.json": {},
    "home/.codex/config.toml": 'model = "x"\n',
    "workspace/CLAUDE.md": "text",
    "workspace/package-lock.json": {},
    "workspace/.devcontainer/devcontainer.json": {},
    "workspace/src/main.mjs": "not watched",
  });
}

test("the same state gives the same hash, wherever the stack lies", async () => {
  await using a = stack();
  await using b = stack();
  const first = await snapshot(a);
  expect(await snapshot(a)).toEqual(first);
  expect(await snapshot(b)).toEqual(first);
  expect(first.files.map((f) => f.path)).toEqual([
    "home/.claude.json#mcpServers",
    "home/.claude/settings.json",
    "home/.codex/config.toml",
    "workspace/.devcontainer/devcontainer.json",
    "workspace/CLAUDE.md",
    "workspace/package-lock.json",
  ]);
});

test.each([
  ["a setting", "home/.codex/config.toml", 'model = "y"\n'],
  ["a server", "home/.claude.json", { numStartups: 1, mcpServers: { a: { command: "node", env: { A: "2" } } } }],
  ["an instruction", "workspace/CLAUDE.md", "other"],
  ["a lock file", "workspace/package-lock.json", { a: 1 }],
  ["the container", "workspace/.devcontainer/devcontainer.json", { privileged: true }],
  ["a new skill", "workspace/.claude/skills/x/SKILL.md", "new"],
  ["a file that broke", "home/.claude/settings.json", "{ broken"],
])("a change of %s changes the hash", async (_name, file, content) => {
  await using place = stack();
  const before = await snapshot(place);
  put(place.directory, file, content);
  expect((await snapshot(place)).hash).not.toBe(before.hash);
});

test("what the agents count for themselves, and the work itself, change nothing", async () => {
  await using place = stack();
  const before = await snapshot(place);
  put(place.directory, "home/.claude.json", { numStartups: 99, mcpServers: { a: { command: "node" } } });
  put(place.directory, "workspace/src/main.mjs", "changed");
  expect((await snapshot(place)).hash).toBe(before.hash);
});

test("another kernel, and what the caller watches besides, change the hash", async () => {
  await using place = stack();
  const before = await snapshot(place);
  expect((await snapshot(place, { ...MACHINE, kernel: "6.2.0" })).hash).not.toBe(before.hash);
  const also = [{ path: "weakdoor.yaml", sha256: "a", bytes: 1 }];
  const after = await takeSnapshot(place, await discover(place), { machine: MACHINE, also });
  expect(after.hash).not.toBe(before.hash);
  expect(after.files).toContainEqual(also[0]);
});

test("a watched file that cannot be read is not the same as one that is gone", async () => {
  await using place = stack();
  const gone = { directory: place.directory, home: place.home, workspace: place.workspace };
  symlinkSync("/etc/hostname", join(place.workspace, "yarn.lock"));
  expect((await snapshot(gone)).files.find((f) => f.path === "workspace/yarn.lock")?.sha256).toBe("unreadable");
  expect((await snapshot(gone)).files.some((f) => f.path === "workspace/uv.lock")).toBe(false);
});

test("a lock file of two gigabytes costs little, and its size counts", async () => {
  await using place = stack();
  const lock = join(place.workspace, "pnpm-lock.yaml");
  writeFileSync(lock, "");
  truncateSync(lock, 2 * 1024 ** 3);
  const started = performance.now();
  const before = await snapshot(place);
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(before.files.find((f) => f.path.endsWith("pnpm-lock.yaml"))?.bytes).toBe(2 * 1024 ** 3);
  truncateSync(lock, 2 * 1024 ** 3 - 1);
  expect((await snapshot(place)).hash).not.toBe(before.hash);
});

test("an agent's version is read where npm put it, and unknown otherwise", async () => {
  await using place = stack();
  const versions = async (machine: Machine) =>
    (await snapshot(place, machine)).agents.map((a) => `${a.kind} ${a.version}`);
  expect(await versions(MACHINE)).toEqual(["claude-code unknown", "codex unknown"]);
  put(place.directory, "npm/@openai/codex/package.json", { version: "0.99.0" });
  put(place.directory, "home/.npm-global/lib/node_modules/@anthropic-ai/claude-code/package.json", {
    version: "2.1.0",
  });
  const machine = { ...MACHINE, npmRoots: [join(place.directory, "npm")] };
  expect(await versions(machine)).toEqual(["claude-code 2.1.0", "codex 0.99.0"]);
});

test("packages are asked of dpkg where it is, and elsewhere the row says that they were not", async () => {
  await using place = stack();
  expect((await snapshot(place)).packages).toEqual([{ name: "dpkg", version: "not asked: no dpkg-query here" }]);
  const dpkgQuery = join(place.directory, "dpkg-query");
  const answer = "installed runc 1.1.5+ds1-1\\nnot-installed docker.io \\ninstalled bubblewrap 0.8.0-2\\n";
  writeFileSync(dpkgQuery, `#!/bin/sh\nprintf '${answer}'\nexit 1\n`);
  chmodSync(dpkgQuery, 0o755);
  expect((await snapshot(place, { ...MACHINE, dpkgQuery })).packages).toEqual([
    { name: "bubblewrap", version: "0.8.0-2" },
    { name: "runc", version: "1.1.5+ds1-1" },
  ]);
});

test("without a machine of the test's own it looks at this one", async () => {
  await using place = stack();
  const found = await takeSnapshot(place, await discover(place));
  expect(found.kernel).toMatch(/^\d+\.\d+/);
  expect(found.packages.every(({ name, version }) => name !== "" && version !== "")).toBe(true);
});
