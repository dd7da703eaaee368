import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { firewallRun, planFirewall, raiseOwn } from "../../src/cycle/firewall.ts";
import type { Ground } from "../../src/cycle/ground.ts";
import type { Room } from "../../src/cycle/rooms.ts";
import { startCommandsOf } from "../../src/stack/declared/startCommands.ts";
import type { Declared } from "../../src/stack/stack.ts";

let workspace: string;
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), "wd-fwp-"));
});
afterEach(() => rmSync(workspace, { recursive: true }));

const FIREWALL = "#!/bin/bash\niptables -P OUTPUT DROP\n";

function write(path: string, text = FIREWALL): string {
  const at = join(workspace, path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, text);
  return at;
}

const declared = (value: unknown, more: Partial<Declared> = {}): Declared =>
  ({
    capabilities: ["CAP_NET_ADMIN"],
    workspacePath: "/workspaces/demo",
    startCommands: startCommandsOf("postStartCommand", value),
    unrepeatable: [{ what: "postStartCommand", why: "it runs third-party code" }],
    ...more,
  }) as Declared;

const planned = (value: unknown, more?: Partial<Declared>) => planFirewall(declared(value, more), { workspace });

test.each<[string, unknown, string, string]>([
  [".devcontainer/init-firewall.sh", "sudo /usr/local/bin/init-firewall.sh", "/usr/local/bin/init-firewall.sh", ""],
  ["docker/fw/init.sh", ["sudo", "-E", "/opt/init.sh", "--strict"], "/opt/init.sh", "--strict"],
  ["net/rules.sh", "bash net/rules.sh now", "/workspaces/demo/net/rules.sh", "now"],
  ["net/rules.sh", "/workspaces/demo/net/rules.sh", "/workspaces/demo/net/rules.sh", ""],
  [".devcontainer/fw.sh", { other: "npm install", rules: "A=1 sudo fw.sh && echo x" }, "/usr/local/bin/fw.sh", ""],
  ["docker/fw.sh", 'bash -lc "sudo /usr/bin/fw.sh && exec x"', "/usr/bin/fw.sh", ""],
  [".devcontainer/fw.sh", ["/bin/sh", "-c", "npm ci; sudo /usr/bin/fw.sh"], "/usr/bin/fw.sh", ""],
])("the script %s is found by what runs it at the start", (file, value, path, words) => {
  const source = write(file);
  const plan = planned(value);
  expect(plan).toEqual({
    status: "script",
    name: "postStartCommand",
    source,
    path,
    arguments: words === "" ? [] : [words],
  });
});

test("without the right to change its own network no container puts up a firewall, and without a command none does", () => {
  write(".devcontainer/init-firewall.sh");
  expect(planned("init-firewall.sh", { capabilities: [] })).toEqual({ status: "none" });
  expect(planned(undefined, { unrepeatable: [] })).toEqual({ status: "none" });
});

test.each<[string, string, () => void]>([
  ["is not in the clone", "sudo /usr/local/bin/init-firewall.sh", () => undefined],
  ["touches no filter", "sudo /opt/init.sh", () => write(".devcontainer/init.sh", "npm install\n")],
  ["is named by a variable", "sudo $FIREWALL", () => write(".devcontainer/init.sh")],
  ["stands outside of the workspace", "../rules.sh", () => undefined],
  [
    "is a link",
    "sudo /opt/init.sh",
    () => {
      const real = write("other/real.sh");
      mkdirSync(join(workspace, ".devcontainer"));
      symlinkSync(real, join(workspace, ".devcontainer/init.sh"));
    },
  ],
  [
    "lies behind a link to a directory",
    "net/rules.sh",
    () => {
      write("other/rules.sh");
      symlinkSync(join(workspace, "other"), join(workspace, "net"));
    },
  ],
])("what %s is not run, and may put up a firewall for all that is known", (_what, command, make) => {
  make();
  const plan = planned(command);
  expect(plan).toMatchObject({ status: "unknown", why: expect.stringContaining("postStartCommand is not run here") });
});

test("where no internet stands around the target nothing is run, and the reason is said", async () => {
  write(".devcontainer/init-firewall.sh");
  const of = declared("sudo init-firewall.sh", { workspacePath: "/" });
  const own = planFirewall(declared("sudo /usr/local/bin/init-firewall.sh"), { workspace });
  const firewall = await raiseOwn({} as Ground, {} as Room, {
    own,
    declared: of,
    clone: { workspace },
    internet: { status: "none", reason: "only root can" },
    directory: workspace,
  });
  expect(firewall).toEqual({
    status: "unknown",
    why: "postStartCommand (init-firewall.sh) is not run here: only root can",
  });
});

test("the coverage says of a firewall whether it was run, and nothing where there is none", () => {
  expect(firewallRun({ status: "none" })).toEqual([]);
  const status = (...firewalls: Parameters<typeof firewallRun>) =>
    firewallRun(...firewalls).map((line) => line.status);
  expect(status({ status: "raised", name: "x", asked: [] })).toEqual(["ran"]);
  expect(status({ status: "unknown", why: "w" })).toEqual(["skipped"]);
  expect(status({ status: "failed", name: "x", why: "w" })).toEqual(["failed"]);
});
