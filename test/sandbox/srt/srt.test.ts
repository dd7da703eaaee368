import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { bubblewrapDriver } from "../../../src/sandbox/bubblewrap/bubblewrap.ts";
import { type Live, live, node, scratchSpec, shell } from "../../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { type Driver, type SandboxSpec, STRICT } from "../../../src/sandbox/sandbox.ts";
import { srtDriver } from "../../../src/sandbox/srt/srt.ts";
import { findProcesses, holdsName } from "../../../src/stop/processes.ts";

const UID = 1000;
const HOME = "/home/dev";
const PROJECT = "/workspace/project";

let root: string;
let image: Image;
let driver: Driver;
let project: string;
let home: string;
const signal = new AbortController().signal;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "wd-srt-"));
  chmodSync(root, 0o755);
  image = await prepareImage(join(root, "cache"));
  driver = srtDriver({ runDirectory: join(root, "run") });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeEach(() => {
  const world = mkdtempSync(join(root, "world-"));
  chmodSync(world, 0o755);
  [project, home] = [join(world, "project"), join(world, "home")];
  for (const directory of [project, join(project, ".git"), join(project, ".git/hooks"), home, join(home, ".ssh")])
    mkdirSync(directory);
  for (const file of [".git/config", "kept.txt", "notes.txt"]) writeFileSync(join(project, file), "before\n");
  writeFileSync(join(home, ".ssh/id_decoy"), "nothing\n");
  writeFileSync(join(home, "plain.txt"), "plain\n");
  for (const path of [project, ".git", ".git/hooks", ".git/config", "kept.txt", "notes.txt"])
    chownSync(join(project, path === project ? "." : path), UID, UID);
  for (const path of [home, join(home, ".ssh"), join(home, ".ssh/id_decoy"), join(home, "plain.txt")])
    chownSync(path, UID, UID);
});
afterEach(() => rmSync(join(project, ".."), { recursive: true, force: true }));

test("what may be written is what the settings allow, less what they deny and what srt always keeps", async () => {
  await agent(settings({ allowWrite: ["."], denyWrite: ["./kept.txt"] }), async ({ broker }) => {
    const places = `${PROJECT}/new ${PROJECT}/notes.txt ${PROJECT}/kept.txt ${PROJECT}/.git/hooks/pre-commit ${PROJECT}/.git/config ${PROJECT}/.bashrc ${HOME}/new /tmp/new /etc/new /.guest/new /.srt/new`;
    const { stdout } = await shell(broker, `for f in ${places}; do (echo after >$f) 2>&- && echo $f; done; echo end`);
    expect(stdout).toBe(`${PROJECT}/new\n${PROJECT}/notes.txt\nend\n`);
  });
  expect(readFileSync(join(project, "new"), "utf8")).toBe("after\n");
  expect(readFileSync(join(project, "kept.txt"), "utf8")).toBe("before\n");
  expect(existsSync(join(home, "new"))).toBe(false);
});

test("a path denied for reading cannot be read, what is beside it can, and without the rule it can as well", async () => {
  const looking = `cat ${HOME}/.ssh/id_decoy 2>&- || echo unreadable; cat ${HOME}/plain.txt`;
  await agent(settings({ denyRead: ["~/.ssh"] }), async ({ broker }) => {
    expect((await shell(broker, looking)).stdout).toBe("unreadable\nplain\n");
  });
  await agent(settings({}), async ({ broker }) => {
    expect((await shell(broker, looking)).stdout).toBe("nothing\nplain\n");
  });
});

test("unix sockets are refused, and not when the settings allow them all", async () => {
  const listening = `require("net").createServer().once("error", (e) => console.log(e.code)).listen("/tmp/s", function () { console.log("listens"); this.close(); })`;
  const writable = { allowWrite: ["/tmp"] };
  await agent(settings(writable), async ({ broker }) => {
    expect((await node(broker, listening)).stdout).toBe("EPERM\n");
  });
  await agent(settings(writable, { allowAllUnixSockets: true }), async ({ broker }) => {
    expect((await node(broker, listening)).stdout).toBe("listens\n");
  });
});

test("tasks are told of srt's proxies and not of ours, and srt decides who may be asked", async () => {
  const network = { allowedDomains: ["allowed.example"], deniedDomains: ["denied.allowed.example"] };
  await agent(settings({}, network), async ({ broker }) => {
    const { stdout, stderr } = await node(broker, ASK_BOTH);
    const seen = JSON.parse(stdout || JSON.stringify(stderr)) as Record<string, unknown>;
    expect(seen).toMatchObject({ proxy: "localhost:3128", all: "localhost:3128", isMarked: "1" });
    expect(seen["other.example"]).toMatchObject({ status: 403, why: "blocked-by-allowlist" });
    // It is asked for by srt's own proxy, and there is no network to ask in.
    expect(seen["allowed.example"]).toMatchObject({ status: 502 });
  });
});

test("a variable that the settings take away is gone, also when a task brings it", async () => {
  const credentials = { envVars: [{ name: "FAKE_KEY", mode: "deny" }] };
  const env = { HOME, FAKE_KEY: "from the stack", PLAIN: "plain" };
  await agent({ ...settings({}), credentials }, { env }, async ({ broker }) => {
    const { stdout } = await broker.run({
      run: { argv: ["/bin/sh", "-c", 'echo "[$FAKE_KEY] $PLAIN $HOME $OWN"'] },
      env: { ...env, PATH: "/bin:/usr/bin", OWN: "task" },
      cwd: "/",
      stdin: "",
      timeoutMs: 10_000,
      outputBytesMax: 1_000,
    });
    expect(stdout).toBe(`[] plain ${HOME} task\n`);
  });
});

test("nothing of the host is seen: no file, no process, no interface", async () => {
  const marker = `wd-marker-${process.pid}`;
  writeFileSync(join(root, marker), "of the host");
  await agent(settings({ allowWrite: ["/"] }), async ({ broker }) => {
    const find = `find / -xdev -name '${marker}' 2>&-; find / -name 'wd-srt-*' 2>&-; ls -A /root 2>&-; ls -A ${root} 2>&-`;
    expect((await shell(broker, `${find}; echo end`)).stdout).toBe("end\n");
    const seen = await shell(broker, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ls /sys/class/net 2>&-");
    expect(seen.stdout).not.toMatch(/vitest|claude-http|socat|eth0/);
  });
});

test.each([
  ["enableWeakerNestedSandbox", { enableWeakerNestedSandbox: true }],
  ["filesystem.disabled", { filesystem: { disabled: true, denyRead: [], allowWrite: [], denyWrite: [] } }],
  ["allowNestedUserNamespaces", { allowNestedUserNamespaces: true }],
])("%s starts as well, and the host is still not seen", async (_name, weak) => {
  await agent({ ...settings({}), ...weak }, async ({ broker }) => {
    const { stdout } = await shell(broker, "id -u; ls -A /root 2>&-; echo /proc/[0-9]* | wc -w");
    const [uid, processes] = stdout.trim().split("\n").map(Number);
    expect([uid, (processes ?? 99) < 15]).toEqual([UID, true]);
  });
});

test("without file rules the project is written to where they would forbid it", async () => {
  const filesystem = { disabled: true, denyRead: [], allowWrite: [], denyWrite: ["./kept.txt"] };
  await agent({ ...settings({}), filesystem }, ({ broker }) => shell(broker, `echo after >${PROJECT}/kept.txt`));
  expect(readFileSync(join(project, "kept.txt"), "utf8")).toBe("after\n");
});

test("a program may make a user namespace only where the settings say so", async () => {
  const unsharing = "unshare -U true 2>&- && echo made || echo refused";
  const seen: string[] = [];
  for (const allowNestedUserNamespaces of [false, true])
    await agent({ ...settings({}), allowNestedUserNamespaces }, async ({ broker }) => {
      seen.push((await shell(broker, unsharing)).stdout);
    });
  expect(seen).toEqual(["refused\n", "made\n"]);
});

test("tools are where the settings look for them", async () => {
  const places = {
    bwrapPath: "/opt/agent/bwrap",
    socatPath: "/opt/agent/socat",
    ripgrep: { command: "/opt/agent/rg" },
  };
  await agent({ ...settings({}), ...places }, async ({ broker }) => {
    expect((await shell(broker, "echo alive")).stdout).toBe("alive\n");
  });
});

test.each([
  ["of another shape", { network: { allowedDomains: "everything" } }, /allowedDomains/],
  ["that name a tool that is not there", { ...settings({}), socatPath: "relative/socat" }, /socat/],
])("settings %s are refused with srt's own words, and nothing is left", async (_name, refused, words) => {
  const spec = agentSpec(refused);
  const outcome = await driver.create(spec, signal).catch((error: unknown) => error);
  expect(outcome).toMatchObject({ name: "OperatorError", hint: expect.stringContaining("settings") });
  expect(String(outcome)).toMatch(words);
  expect(await driver.list()).not.toContain(spec.name);
  expect((await driver.look(spec.name)).every(({ status }) => status === "clean")).toBe(true);
});

test("a look sees srt's helpers while it lives", async () => {
  await agent(settings({}), async ({ spec, sandbox }) => {
    const looks = await driver.look(spec.name);
    expect(looks.find(({ what }) => what === "srt processes")).toMatchObject({ status: "left" });
    const living = findProcesses((one) => holdsName(one.cgroup, spec.name)).map(({ commandLine }) => commandLine);
    for (const helper of ["socat UNIX-LISTEN:/tmp/claude-http-", "socat TCP6-LISTEN:3128", "socat TCP6-LISTEN:1080"])
      expect(living.some((line) => line.includes(helper))).toBe(true);
    expect(readFileSync(`/proc/${sandbox.pid}/status`, "utf8")).toMatch(/^NSpid:(\s+\d+){4}$/m);
    expect(readFileSync(`/proc/${sandbox.pid}/status`, "utf8")).toMatch(/^Uid:\s+1000\s+1000\s+1000\s+1000$/m);
  });
});

test("the bubblewrap beside it does not take srt's sandbox for its own, though it runs the same program", async () => {
  const beside = bubblewrapDriver({ runDirectory: join(root, "run") });
  await agent(settings({}), async ({ spec }) => {
    expect(await driver.list()).toContain(spec.name);
    expect(await beside.list()).not.toContain(spec.name);
  });
});

test("root inside is nobody to the host and cannot change the machine's settings", async () => {
  const writing =
    "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /.guest/x; do (: >>$f) 2>&- && echo $f; done; id -u";
  await agent(settings({ allowWrite: ["/"] }), { uid: 0, gid: 0 }, async ({ broker, sandbox }) => {
    expect((await shell(broker, writing)).stdout).toBe("0\n");
    expect(readFileSync(`/proc/${sandbox.pid}/status`, "utf8")).toMatch(/^Uid:\s+65534\s/m);
  });
});

test("what srt has no way to do is refused, not done in another way", async () => {
  for (const weaker of [
    { noNewPrivileges: false },
    { capabilities: ["CAP_NET_RAW"] },
    { seccomp: "none" as const },
  ]) {
    const spec = scratchSpec(fixture(), { confinement: { ...STRICT, ...weaker } });
    await expect(driver.create(spec, signal)).rejects.toMatchObject({ name: "OperatorError" });
    expect(existsSync(join(root, "run", spec.name))).toBe(false);
  }
});

test("without the package it is missing, with what brings it, and a create says the same", async () => {
  const without = srtDriver({ runDirectory: join(root, "run2"), packageDirectory: join(root, "nothing") });
  const missing = { status: "missing", reason: expect.stringContaining("@anthropic-ai/sandbox-runtime") };
  expect(await without.check(signal)).toMatchObject({ ...missing, hint: expect.stringContaining("npm install") });
  await expect(without.create(scratchSpec(fixture()), signal)).rejects.toThrow(/sandbox-runtime/);
});

test("a package that is there without what it depends on is refused, and nothing is left", async () => {
  const packageDirectory = join(root, "alone");
  mkdirSync(packageDirectory);
  const manifest = { version: "0.0.1", dependencies: { "wd-no-such-package": "1" } };
  writeFileSync(join(packageDirectory, "package.json"), JSON.stringify(manifest), { mode: 0o644 });
  const alone = srtDriver({ runDirectory: join(root, "run4"), packageDirectory });
  const spec = scratchSpec(fixture());
  await expect(alone.create(spec, signal)).rejects.toThrow(/needs wd-no-such-package/);
  expect(existsSync(join(root, "run4", spec.name))).toBe(false);
});

test("where control groups cannot be used, what is not limited is named", () => {
  const cgroups = { status: "unusable", reason: "not here" } as const;
  const named = srtDriver({ runDirectory: join(root, "run3"), cgroups }).cannot.map(({ what }) => what);
  expect(named).toEqual(expect.arrayContaining(["limit pids", "limit memory", "limit cpus"]));
});

function settings(filesystem: object, network: object = {}): NonNullable<SandboxSpec["settings"]> {
  return {
    network: { allowedDomains: [], deniedDomains: [], ...network },
    filesystem: { denyRead: [], allowWrite: [], denyWrite: [], ...filesystem },
  };
}

function fixture() {
  return { image, signal, cycle: `srt${process.pid}` };
}

function agentSpec(given: SandboxSpec["settings"]): SandboxSpec {
  return scratchSpec(fixture(), agentChanges(given));
}

function agentChanges(given: SandboxSpec["settings"]): Partial<SandboxSpec> {
  return {
    ...(given === undefined ? {} : { settings: given }),
    env: { HOME, PATH: "/bin:/usr/bin" },
    cwd: PROJECT,
    mounts: [
      { kind: "bind", source: project, path: PROJECT, mode: "rw" },
      { kind: "bind", source: home, path: HOME, mode: "rw" },
    ],
  };
}

type Use = (one: Live) => Promise<unknown>;

async function agent(given: SandboxSpec["settings"], ...rest: [Partial<SandboxSpec>, Use] | [Use]): Promise<void> {
  const [changes, use] = rest.length === 1 ? [{}, rest[0]] : rest;
  await live(driver, fixture(), { ...agentChanges(given), ...changes }, async (one) => void (await use(one)));
}

/** Asks srt's proxy for two hosts, as a program that knows of the variables does. */
const ASK_BOTH = `
const proxy = new URL(process.env.http_proxy);
const authorization = "Basic " + btoa(decodeURIComponent(proxy.username) + ":" + proxy.password);
const ask = (host) => new Promise((done) => {
  require("http").get({ host: proxy.hostname, port: proxy.port, path: "http://" + host + "/", headers: { host, "proxy-authorization": authorization } }, (answer) => {
    answer.resume();
    done({ status: answer.statusCode, why: answer.headers["x-proxy-error"] });
  }).once("error", (error) => done({ status: error.code }));
});
(async () => {
  const seen = { proxy: proxy.host, all: new URL(process.env.ALL_PROXY).host, isMarked: process.env.SANDBOX_RUNTIME };
  for (const host of ["allowed.example", "other.example"]) seen[host] = await ask(host);
  console.log(JSON.stringify(seen));
})();`;
