import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { labMounts, labUser } from "../../src/cycle/labPlan.ts";
import type { DeclaredResource } from "../../src/stack/stack.ts";

let directory: string;
let clone: { home: string; workspace: string };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-lab-"));
  clone = { home: join(directory, "home"), workspace: join(directory, "workspace") };
  for (const path of [clone.home, clone.workspace, join(clone.workspace, "keys")]) mkdirSync(path);
  writeFileSync(join(clone.workspace, ".env"), "made up");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const hidden = (path: string, logical: string): DeclaredResource => ({
  kind: "hidden",
  source: path,
  path,
  mode: "ro",
  logical,
  declaredAt: "home/.srt-settings.json#/filesystem/denyRead/0",
});

test("the lab is the agent's own user, to whom alone the clone may be open", () => {
  const agent = { user: { name: "dev", uid: 1000, gid: 1000 } };
  expect(labUser(agent, "gvisor")).toEqual({ uid: 1000, gid: 1000 });
  expect(labUser(agent, "container")).toEqual({ uid: 1000, gid: 1000 });
});

test("an agent that is root makes the lab root of its own kernel, and nobody on the host's", () => {
  const root = { user: { name: "root", uid: 0, gid: 0 } };
  expect(labUser(root, "gvisor")).toEqual({ uid: 0, gid: 0 });
  expect(labUser(root, "container")).toEqual({ uid: 65_534, gid: 65_534 });
});

test("what the agent's sandbox covers in the workspace is covered in the lab, and nothing else is", () => {
  const resources = [
    hidden("/w/.env", "workspace/.env"),
    hidden("/w/keys", "workspace/keys"),
    hidden("/w/not-there", "workspace/not-there"),
    hidden("/home/dev/.ssh", "home/.ssh"),
  ];
  // Twice: another backend may be tried after one that did not start.
  for (let tries = 0; tries < 2; tries++) {
    const mounts = labMounts({ workspacePath: "/w", resources }, clone, join(directory, "lab"));
    expect(mounts.map(({ path }) => path)).toEqual(["/tmp", "/w", "/w/.env", "/w/keys"]);
    const sources = mounts.flatMap((mount) => (mount.kind === "bind" ? [mount] : []));
    expect(sources.map(({ mode }) => mode)).toEqual(["ro", "ro", "ro"]);
    expect(readFileSync(sources[1]?.source ?? "", "utf8")).toBe("");
    expect(statSync(sources[2]?.source ?? "").isDirectory()).toBe(true);
  }
});
