import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProbeReport } from "../../../src/guest/observation.ts";
import { diffReports } from "../../../src/probe/diff.ts";
import { makeWorld, type Twin, type World } from "./world.ts";

/** Each weak twin of the hardened sandbox differs in one thing, and must flip the rows of that thing and no others. */

let world: World;
let hardened: ProbeReport;

beforeAll(async () => {
  world = await makeWorld();
  hardened = await world.bubblewrap();
});
afterAll(() => world.close());

async function widened(twin: Twin): Promise<string[]> {
  const diff = diffReports(hardened, await world.bubblewrap(twin));
  return diff.widened.map((change) => change.id);
}

test.each(["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_MODULE", "CAP_NET_ADMIN", "CAP_DAC_READ_SEARCH"])(
  "an added %s flips its own row alone",
  async (name) => {
    expect(await widened({ args: ["--cap-add", name] })).toEqual([`capability:${name}`]);
  },
);

test("an engine's socket flips the row of its path and the inventory of mounts, and is no directory of the host", async () => {
  const socket = await world.listener("engine.sock");
  expect(await widened({ args: ["--ro-bind", socket, "/var/run/docker.sock"] })).toEqual([
    "engine-socket:/var/run/docker.sock",
    "mount:/var/run/docker.sock",
  ]);
});

test("a socket under any name is found, also through a read-only mount of its directory", async () => {
  const socket = await world.listener("odd.sock");
  const report = await world.bubblewrap({ args: ["--ro-bind", socket, "/srv/tool/odd.sock"] });
  const row = report.observations.find(({ id }) => id === "unix-socket:/srv/tool/odd.sock");
  expect(row).toMatchObject({ verdict: "reachable", access: ["connect"] });
  expect(row?.detail).toContain("through a read-only mount");
  const ids = diffReports(hardened, report).widened.map((change) => change.id);
  expect(ids).toEqual(["mount:/srv/tool/odd.sock", "unix-socket:/srv/tool/odd.sock"]);
});

test("a socket that is a stand-in of ours reads decoy-reached", async () => {
  const socket = await world.listener("decoy.sock");
  const path = "/var/run/docker.sock";
  const report = await world.bubblewrap({ args: ["--ro-bind", socket, path], request: { standIns: [path] } });
  expect(report.observations.find(({ id }) => id === `engine-socket:${path}`)).toMatchObject({
    verdict: "decoy-reached",
    access: ["connect"],
  });
});

test("an SSH agent's socket flips the agent's row", async () => {
  const socket = await world.listener("agent.sock");
  const args = ["--ro-bind", socket, "/run/agent.sock", "--setenv", "SSH_AUTH_SOCK", "/run/agent.sock"];
  expect(await widened({ args })).toEqual([
    "agent-socket:ssh-agent",
    "mount:/run/agent.sock",
    "unix-socket:/run/agent.sock",
  ]);
});

test("a secret in the environment flips the row of its name, and its value is nowhere in the output", async () => {
  const value = `made-up-${"z".repeat(12)}`;
  const twin = { args: ["--setenv", "BUILD_TOKEN", value], request: { keyHex: "00ff" } };
  expect(await widened(twin)).toEqual(["env-secret:BUILD_TOKEN"]);
  const { stdout } = await world.raw(twin);
  expect(stdout).toContain("keyed hash");
  expect(stdout).not.toContain(value);
});

test("a value that looks like a key is found under an innocent name, and on the command line of the launcher that set it", async () => {
  const value = ["gh", "p_", "a1".repeat(18)].join("");
  const twin = { args: ["--setenv", "COLOUR", value] };
  expect(await widened(twin)).toEqual(["env-secret:COLOUR", "own:command-line-secret:init"]);
  expect((await world.raw(twin)).stdout).not.toContain(value);
});

test("a writable copy of /etc flips the directory and its mount", async () => {
  const etc = join(world.directory, "etc");
  mkdirSync(etc);
  expect(await widened({ args: ["--bind", etc, "/etc"] })).toEqual([
    "host-mount:/etc",
    "mount:/etc",
    "system-directory:/etc",
  ]);
});

test("credentials in the home flip their rows, read-only and read-write told apart, and are not read", async () => {
  const home = join(world.directory, "home-with-credentials");
  const content = "made up, and never to be seen";
  for (const name of [".aws/credentials", ".claude/.credentials.json", ".ssh/id_ed25519"]) {
    mkdirSync(join(home, name, ".."), { recursive: true });
    writeFileSync(join(home, name), content, { mode: 0o644 });
  }
  const args = ["--ro-bind", home, "/home/agent"];
  expect(await widened({ args })).toEqual([
    "agent-credential-file:~/.claude/.credentials.json",
    "cloud-credential-file:~/.aws/credentials",
    "credential-file:~/.ssh/id_ed25519",
  ]);
  const { stdout } = await world.raw({ args: ["--bind", home, "/home/agent"] });
  expect(stdout).not.toContain(content);
  const rewritable = await world.bubblewrap({ args: ["--bind", home, "/home/agent"] });
  const row = rewritable.observations.find(({ id }) => id === "cloud-credential-file:~/.aws/credentials");
  expect(row?.access).toEqual(["read", "write"]);
});

test("a writable workspace flips what a program outside obeys, there and not yet there, and nothing else", async () => {
  mkdirSync(join(world.workspace, ".git/hooks"), { recursive: true });
  const before = await world.bubblewrap();
  const after = await world.bubblewrap({ args: ["--bind", world.workspace, "/workspace"] });
  const ids = diffReports(before, after).widened.map((change) => change.id);
  expect(ids).toContain("trust-file:.git/hooks");
  expect(ids).toContain("trust-file-creatable:.mcp.json");
  expect(ids).not.toContain("trust-file-creatable:.git/hooks");
  const others = ids.filter((id) => !/^trust-file(-creatable)?:[^~]/.test(id));
  expect(others).toEqual(["host-mount:/workspace", "mount:/workspace", "scratch-space:.", "write-and-execute:."]);
});

test("without a filter the system-call boundary flips, and what the filter hid is unknown and not widened", async () => {
  expect(await widened({ isUnfiltered: true })).toEqual(["syscall-boundary"]);
});

test("a filter that the owner promised and that is not there is a contradiction", async () => {
  const report = await world.bubblewrap({ isUnfiltered: true, request: { seccompExpected: "filter" } });
  expect(report.observations.find(({ id }) => id === "syscall-boundary")?.verdict).toBe("contradictory");
});

test.each([
  ["--unshare-ipc", ["host-ipc"]],
  ["--unshare-uts", ["host-uts"]],
])("without %s the host's namespace shows", async (option, ids) => {
  expect(await widened({ without: [option] })).toEqual(ids);
});

test("in the host's process namespace its processes show", async () => {
  const ids = await widened({ without: ["--unshare-pid"] });
  expect(ids).toContain("host-processes");
  expect(ids).toContain("namespace:pid");
  expect(ids).toContain("visible-process:host");
  const about =
    /^(own:)?(host-processes|namespace:pid|foreign-(environ|signal|root):|command-line-secret:|visible-process:|device-node:)/;
  expect(ids.filter((id) => !about.test(id))).toEqual([]);
});

test("in the host's network namespace only rows about sockets and the network flip", async () => {
  const ids = await widened({ without: ["--unshare-net"] });
  expect(ids).toContain("host-network-namespace");
  const about =
    /^(host-network-namespace$|network-|loopback-listener:|abstract-socket:|socket-family:|kernel-sysctl:net)/;
  expect(ids.filter((id) => !about.test(id))).toEqual([]);
});

test("a listener on the loopback and an abstract socket are found in the kernel's tables and connected to", async () => {
  const wrapper = `
    const { createServer } = require("node:net");
    const { spawn } = require("node:child_process");
    const open = (where) => new Promise((done) => createServer((s) => s.destroy()).listen(where, done));
    Promise.all([open({ host: "127.0.0.1", port: 8765 }), open({ path: "\\0tool-server" })]).then(() => {
      const [program, ...rest] = process.argv.slice(1);
      spawn(program, rest, { stdio: "inherit" }).on("close", (code) => process.exit(code));
    });`;
  expect(await widened({ wrapper })).toEqual([
    "abstract-socket:@tool-server",
    "loopback-listener:127.0.0.1:8765",
    "own:foreign-environ:parent",
    "own:foreign-signal:parent",
    "own:visible-process:MainThread",
  ]);
});

test("a directory handed down as an open descriptor is found", async () => {
  const descriptor = openSync(world.directory, "r");
  try {
    expect(await widened({ descriptor })).toEqual(["inherited-descriptor:directory"]);
  } finally {
    closeSync(descriptor);
  }
});

test("a service account's token is found by its place", async () => {
  const secrets = join(world.directory, "serviceaccount");
  mkdirSync(secrets);
  writeFileSync(join(secrets, "token"), "made up", { mode: 0o644 });
  const path = "/var/run/secrets/kubernetes.io/serviceaccount";
  expect(await widened({ args: ["--ro-bind", secrets, path] })).toEqual([
    `host-mount:${path}`,
    `mount:${path}`,
    `service-account-token:${path}/token`,
  ]);
});

test("a device node of a notable name flips its own row", async () => {
  expect(await widened({ args: ["--dev-bind", "/dev/null", "/dev/kvm"] })).toEqual([
    "device-node:/dev/kvm",
    "mount:/dev/kvm",
  ]);
});

test("kernel control files that are not kept read-only flip", async () => {
  const ids = await widened({ args: ["--proc", "/proc"] });
  expect(ids).toContain("kernel-control-file:/proc/sys/kernel/core_pattern");
  expect(ids.filter((id) => !/^(kernel-control-file|procfs-masking|mount|host-path-leak)/.test(id))).toEqual([]);
});

test("a set-up file of the shell that stays after the sandbox flips, one in memory does not", async () => {
  const home = join(world.directory, "home-with-shell");
  mkdirSync(home);
  writeFileSync(join(home, ".bashrc"), "");
  const kept = await widened({ args: ["--bind", home, "/home/agent"] });
  expect(kept).toContain("persistence-path:~/.bashrc");
  const inMemory = await widened({ args: ["--tmpfs", "/home/agent", "--dir", "/home/agent/.local/bin"] });
  expect(inMemory.filter((id) => id.startsWith("persistence-path:"))).toEqual([]);
});
