import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { ProbeReport } from "../../../src/guest/observation.ts";
import type { ProbeRequest } from "../../../src/guest/probe/request.ts";
import { hostFacts } from "../../../src/probe/baseline.ts";
import { parseProbe, requestOf } from "../../../src/probe/probe.ts";

/**
 * Real sandboxes for the probe: bubblewrap and runsc called directly, so that what is tested is the probe and not a
 * driver. `close` removes every file; each sandbox is gone when its probe ends.
 */
export type World = {
  directory: string;
  guest: string;
  home: string;
  workspace: string;
  /** The probe in a hardened bubblewrap, with the differences given. */
  bubblewrap(twin?: Twin): Promise<ProbeReport>;
  /** The same without taking the answer apart. */
  raw(twin?: Twin): Promise<Ended>;
  gvisor(twin?: GvisorTwin): Promise<ProbeReport>;
  /** A listener of ours at a path on the host. */
  listener(name: string): Promise<string>;
  close(): Promise<void>;
};

export type Twin = {
  /** Without these arguments of the hardened set. */
  without?: string[];
  /** After the hardened set. */
  args?: string[];
  uid?: number;
  isUnfiltered?: boolean;
  request?: Partial<ProbeRequest>;
  /** Another program before the probe; gets the probe's argv. */
  wrapper?: string;
  /** A descriptor handed down as number 5. */
  descriptor?: number;
  /** Start bubblewrap as a user who is not root. */
  isUnprivileged?: boolean;
  prefix?: [string, ...string[]];
};

export type GvisorTwin = {
  env?: string[];
  capabilities?: string[];
  mounts?: object[];
  request?: Partial<ProbeRequest>;
};
export type Ended = { code: number | null; stdout: string; stderr: string };

const NODE = realpathSync(process.execPath);
const SRC = new URL("../../../src/", import.meta.url).pathname;

export async function makeWorld(): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), "wd-probe-"));
  chmodSync(directory, 0o755);
  const guest = await makeGuest(directory);
  const home = join(directory, "home");
  const workspace = join(directory, "workspace");
  for (const path of [home, workspace]) mkdirSync(path);
  const filter = join(directory, "filter.bpf");
  writeFileSync(filter, Buffer.concat(FILTER));
  const servers: Server[] = [];
  const host = await hostFacts();
  const request = (twin: { request?: Partial<ProbeRequest> }) =>
    requestOf({ vantage: "target", home: "/home/agent", workspace: "/workspace", host, ...twin.request });

  const raw = async (twin: Twin = {}): Promise<Ended> => {
    const argv = bubblewrapArgv({ guest, home, workspace, filter }, twin);
    return run(argv, JSON.stringify(request(twin)), twin);
  };
  return {
    directory,
    guest,
    home,
    workspace,
    raw,
    bubblewrap: async (twin) => reportOf(await raw(twin)),
    gvisor: async (twin = {}) => reportOf(await inGvisor(directory, guest, JSON.stringify(request(twin)), twin)),
    listener: (name) =>
      new Promise((resolve, reject) => {
        const path = join(directory, name);
        const server = createServer((socket) => socket.destroy());
        servers.push(server);
        server.once("error", reject);
        server.listen(path, () => {
          chmodSync(path, 0o777);
          resolve(path);
        });
      }),
    async close() {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A filter is in force that refuses io_uring_setup (425 on every machine), which Node asks for by itself, and nothing else. */
const FILTER = [
  // Load the number of the call; unless it is 425, go on to the last; EPERM; allow.
  [0x20, 0, 0, 0, 0, 0, 0, 0],
  [0x15, 0, 0, 1, 0xa9, 0x01, 0, 0],
  [0x06, 0, 0, 0, 0x01, 0, 0x05, 0],
  [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f],
].map((instruction) => Buffer.from(instruction));

/** Node with the loader and libraries it is linked to, and the bundle. */
async function makeGuest(directory: string): Promise<string> {
  const guest = join(directory, "guest");
  mkdirSync(join(guest, "lib"), { recursive: true });
  linkOrCopy(NODE, join(guest, "node"));
  const linked = spawnSync("ldd", [NODE], { encoding: "utf8" }).stdout;
  for (const [path] of linked.matchAll(/\/\S+/g)) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    copyFileSync(path, join(guest, name.startsWith("ld-linux") ? "ld" : join("lib", name)));
  }
  chmodSync(join(guest, "ld"), 0o755);
  await build({
    entryPoints: [join(SRC, "guest/probe/main.ts")],
    outfile: join(guest, "probe.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node22",
    logLevel: "error",
  });
  return guest;
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

const MASKED = [
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/sched_debug",
  "/proc/sysrq-trigger",
  "/proc/timer_list",
];

const PROBE = ["/.guest/ld", "--library-path", "/.guest/lib", "/.guest/node"];

function bubblewrapArgv(
  at: { guest: string; home: string; workspace: string; filter: string },
  twin: Twin,
): string[] {
  const uid = String(twin.uid ?? 1000);
  const hardened = [
    ["--unshare-user"],
    ["--unshare-pid"],
    ["--unshare-net"],
    ["--unshare-ipc"],
    ["--unshare-uts"],
    ["--unshare-cgroup-try"],
    ["--die-with-parent"],
    ["--new-session"],
    ["--clearenv"],
    ["--setenv", "PATH", "/usr/bin"],
    ["--setenv", "HOME", "/home/agent"],
    ["--uid", uid, "--gid", uid],
    ["--cap-drop", "ALL"],
    ["--ro-bind", at.guest, "/.guest"],
    ["--proc", "/proc"],
    ["--ro-bind", "/proc/sys", "/proc/sys"],
    ...MASKED.filter((path) => existsSync(path)).map((path) => ["--ro-bind", "/dev/null", path]),
    ["--dev", "/dev"],
    ["--size", String(64 * 1024 * 1024), "--tmpfs", "/tmp"],
    ["--ro-bind", at.home, "/home/agent"],
    ["--ro-bind", at.workspace, "/workspace"],
  ].filter(([first = ""]) => !(twin.without ?? []).includes(first));
  const filter = twin.isUnfiltered === true ? [] : ["--seccomp", "4"];
  const wrapper = twin.wrapper === undefined ? [] : ["-e", twin.wrapper, "--", ...PROBE];
  const program = [...PROBE, ...wrapper, "/.guest/probe.mjs"];
  const open = twin.isUnfiltered === true ? `exec "$@"` : `exec 4<"$0"; exec "$@"`;
  const bwrap = ["bwrap", ...hardened.flat(), ...(twin.args ?? []), "--remount-ro", "/", ...filter, "--", ...program];
  return ["sh", "-c", open, at.filter, ...(twin.prefix ?? []), ...bwrap];
}

function run(argv: string[], stdin: string, twin: Twin = {}): Promise<Ended> {
  const [program = "", ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["pipe", "pipe", "pipe", "ignore", "ignore", twin.descriptor ?? "ignore"],
      ...(twin.isUnprivileged === true ? { uid: 65_534, gid: 65_534 } : {}),
    });
    const chunks = { stdout: "", stderr: "" };
    child.stdout?.on("data", (chunk: Buffer) => (chunks.stdout += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (chunks.stderr += chunk.toString()));
    // A sandbox that did not start closes the pipe; its exit code tells.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...chunks }));
  });
}

function reportOf(ended: Ended): ProbeReport {
  const parsed = parseProbe(ended.stdout);
  if (parsed.status === "measured") return parsed.report;
  throw new Error(`${parsed.reason}: code ${ended.code}, ${ended.stderr.slice(0, 400)}`);
}

let runs = 0;

async function inGvisor(directory: string, guest: string, stdin: string, twin: GvisorTwin): Promise<Ended> {
  const name = `wd-probe-test-${process.pid}-${runs++}`;
  const bundle = join(directory, name);
  mkdirSync(join(bundle, "rootfs"), { recursive: true });
  const capabilities = twin.capabilities ?? [];
  const config = {
    ociVersion: "1.0.0",
    process: {
      terminal: false,
      user: { uid: 1000, gid: 1000 },
      args: [...PROBE, "/.guest/probe.mjs"],
      env: ["PATH=/usr/bin", "HOME=/home/agent", ...(twin.env ?? [])],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    mounts: [
      { destination: "/proc", type: "proc" },
      { destination: "/tmp", type: "tmpfs" },
      { destination: "/.guest", type: "bind", source: guest, options: ["ro"] },
      ...(twin.mounts ?? []),
    ],
    linux: { namespaces: ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type })) },
  };
  for (const path of [".guest", "proc", "tmp", "dev", "sys", "workspace"]) mkdirSync(join(bundle, "rootfs", path));
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  const runsc = [
    "runsc",
    "--root",
    join(directory, "runsc"),
    "--platform=ptrace",
    "--network=none",
    "run",
    "-bundle",
    bundle,
  ];
  return run([...runsc, name], stdin);
}
