import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Observation } from "../../../src/guest/observation.ts";
import { desktopSocket } from "../../../src/guest/probe/cross-boundary/desktop-socket.ts";
import { workspaceLink } from "../../../src/guest/probe/cross-boundary/workspace-link.ts";
import { foreignRoot } from "../../../src/guest/probe/filesystem/foreign-root.ts";
import { lxcfsMount } from "../../../src/guest/probe/filesystem/lxcfs-mount.ts";
import { scratchSpace } from "../../../src/guest/probe/filesystem/scratch-space.ts";
import { setIdProgram } from "../../../src/guest/probe/filesystem/set-id-program.ts";
import { writeAndExecute } from "../../../src/guest/probe/filesystem/write-and-execute.ts";
import { type Asked, type Ground, kernel } from "../../../src/guest/probe/ground.ts";
import { gitEnvironment } from "../../../src/guest/probe/memory/git-environment.ts";
import { proxyEnvironment } from "../../../src/guest/probe/network/proxy-environment.ts";
import type { Check } from "../../../src/guest/probe/probe.ts";
import { addressRandomisation } from "../../../src/guest/probe/process/address-randomisation.ts";
import { dangerousSyscall } from "../../../src/guest/probe/process/dangerous-syscall.ts";
import { executableMemory } from "../../../src/guest/probe/process/executable-memory.ts";
import { foreignSignal } from "../../../src/guest/probe/process/foreign-signal.ts";
import { kernelRange } from "../../../src/guest/probe/process/kernel-range.ts";
import { program } from "../../../src/guest/probe/process/program.ts";
import { rootGroup } from "../../../src/guest/probe/process/root-group.ts";
import { terminal, terminalOf } from "../../../src/guest/probe/process/terminal.ts";
import { visibleProcess } from "../../../src/guest/probe/process/visible-process.ts";
import { type ProbeRequest, parseRequest } from "../../../src/guest/probe/request.ts";
import { runProbe } from "../../../src/guest/probe/run.ts";
import { commandLineSecret, secretsIn } from "../../../src/guest/probe/secrets/command-line-secret.ts";
import { kernelKeyring } from "../../../src/guest/probe/secrets/kernel-keyring.ts";

/** Each check in a world where the door is open, in one where it is shut or absent, and in one where it cannot be asked. */

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-check-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

type World = {
  tables?: Record<string, string>;
  ground?: Partial<Ground>;
  environment?: Record<string, string>;
  request?: Partial<ProbeRequest>;
};

const STATUS =
  "Name:\tprobe\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\nGroups:\t1000 998\nSeccomp:\t0\nNoNewPrivs:\t0\n";

/** This machine's kernel, but for the tables given; no table named there means it is refused. */
async function look(check: Check, world: World): Promise<Map<string, Observation>> {
  const tables: Record<string, string> = {
    "/proc/self/status": STATUS,
    "/proc/version": "Linux version 6.1",
    ...world.tables,
  };
  const table = async (path: string): Promise<Asked<string>> => {
    const value = tables[path];
    if (value !== undefined && value !== "EACCES") return { status: "answered", value };
    return { status: "refused", errno: value ?? "ENOENT" };
  };
  const answer = await runProbe({
    request: { ...parseRequest('{"vantage":"target"}'), ...world.request },
    environment: world.environment ?? {},
    ground: { ...kernel, table, ...world.ground },
    checks: [check],
  });
  return new Map(
    answer.report.observations.filter(({ id }) => !id.startsWith("control:")).map((row) => [row.id, row]),
  );
}

async function verdict(check: Check, id: string, world: World): Promise<string | undefined> {
  return (await look(check, world)).get(id)?.verdict;
}

const mountinfo = (...lines: string[]) => ({
  "/proc/self/mountinfo": ["1 0 8:1 / / rw - ext4 d rw", ...lines].join("\n"),
});
const NO_TABLES = { "/proc/self/status": "EACCES", "/proc/self/mountinfo": "EACCES" };
/** A table of processes in which 7 is another one. */
const PROCESSES: Partial<Ground> = {
  list: async (path) => ({
    status: "answered",
    value: { entries: path === "/proc" ? [{ name: "7", kind: "directory" }] : [], isWhole: true },
  }),
};
const HIDDEN: Partial<Ground> = { list: async () => ({ status: "answered", value: { entries: [], isWhole: true } }) };
const refusing = (errno: string) => async () => ({ status: "refused" as const, errno });

test("LXCFS counts when it is mounted read-write", async () => {
  const at = `lxcfs-mount:${directory}`;
  const mounted = (flag: string) => ({
    tables: mountinfo(`2 1 0:9 / ${directory} ${flag} - fuse.lxcfs lxcfs ${flag}`),
  });
  expect(await verdict(lxcfsMount, at, mounted("rw"))).toBe("reachable");
  expect(await verdict(lxcfsMount, at, mounted("ro"))).toBe("denied");
  expect(await verdict(lxcfsMount, "lxcfs-mount", { tables: mountinfo() })).toBe("absent");
  expect(await verdict(lxcfsMount, "lxcfs-mount", { tables: NO_TABLES })).toBe("not-measured");
});

test("a set-user-id program counts unless its mount or the process forbids it", async () => {
  const path = join(directory, "doas");
  writeFileSync(path, "");
  chmodSync(path, 0o4755);
  const environment = { PATH: directory };
  const stopped = { "/proc/self/status": STATUS.replace("NoNewPrivs:\t0", "NoNewPrivs:\t1") };
  const nosuid = mountinfo(`2 1 0:9 / ${directory} rw,nosuid - tmpfs t rw`);
  const id = "set-id-program:doas";
  expect(await verdict(setIdProgram, id, { environment })).toBe("reachable");
  expect(await verdict(setIdProgram, id, { environment, tables: stopped })).toBe("denied");
  expect(await verdict(setIdProgram, id, { environment, tables: nosuid })).toBe("denied");
  expect(await verdict(setIdProgram, "set-id-program", { environment, tables: NO_TABLES })).toBe("not-measured");
  chmodSync(path, 0o755);
  expect(await verdict(setIdProgram, id, { environment })).toBeUndefined();
});

test("the root of a process in another mount namespace counts when it may be entered", async () => {
  const other = (root: Ground["stat"]): World => ({
    ground: {
      ...PROCESSES,
      link: async (path) =>
        path.startsWith("/proc/7/") ? { status: "answered", value: "mnt:[1]" } : kernel.link(path),
      stat: (path) => (path === "/proc/7/root/" ? root(path) : kernel.stat(path)),
    },
  });
  const id = "foreign-root:others";
  expect(
    await verdict(
      foreignRoot,
      id,
      other(() => kernel.stat(directory)),
    ),
  ).toBe("reachable");
  expect(await verdict(foreignRoot, id, other(refusing("EACCES")))).not.toBe("reachable");
  expect(
    await verdict(
      foreignRoot,
      id,
      other(() => kernel.stat("/")),
    ),
  ).toBe("absent");
  expect(await verdict(foreignRoot, "foreign-root", { ground: HIDDEN })).toBe("not-measured");
});

test("room without a size counts, a tmpfs with one does not", async () => {
  const at = (options: string) => ({
    tables: mountinfo(`2 1 0:9 / ${directory} rw - tmpfs t ${options}`),
    request: { workspace: directory },
  });
  expect(await verdict(scratchSpace, "scratch-space:.", at("rw"))).toBe("reachable");
  expect(await verdict(scratchSpace, "scratch-space:.", at("rw,size=65536k"))).toBe("denied");
  expect(await verdict(scratchSpace, "scratch-space:.", { ...at("rw"), request: { workspace: "/no/such" } })).toBe(
    "absent",
  );
  expect(await verdict(scratchSpace, "scratch-space:.", { ...at("rw"), tables: NO_TABLES })).toBe("not-measured");
});

test("a place that may be written counts unless its mount has noexec", async () => {
  const at = (flags: string) => ({
    tables: mountinfo(`2 1 0:9 / ${directory} ${flags} - tmpfs t rw`),
    request: { workspace: directory },
  });
  expect(await verdict(writeAndExecute, "write-and-execute:.", at("rw"))).toBe("reachable");
  expect(await verdict(writeAndExecute, "write-and-execute:.", at("rw,noexec"))).toBe("denied");
  expect(await verdict(writeAndExecute, "write-and-execute:.", { ...at("rw"), tables: NO_TABLES })).toBe(
    "not-measured",
  );
});

test("a link that leads out of the workspace counts, one that stays does not, and none is followed", async () => {
  mkdirSync(join(directory, "w/a"), { recursive: true });
  symlinkSync("../b", join(directory, "w/a/stays"));
  symlinkSync(".", join(directory, "w/loop"));
  const request = { workspace: join(directory, "w") };
  expect(await verdict(workspaceLink, "workspace-link", { request })).toBe("absent");
  symlinkSync("/etc/shadow", join(directory, "w/absolute"));
  symlinkSync("../../x", join(directory, "w/a/climbs"));
  const rows = await look(workspaceLink, { request });
  expect([...rows.keys()]).toEqual(["workspace-link:a/climbs", "workspace-link:absolute"]);
  expect(JSON.stringify([...rows.values()])).not.toContain("shadow");
  expect(await verdict(workspaceLink, "workspace-link", {})).toBe("not-measured");
  expect(await verdict(workspaceLink, "workspace-link", { request: { workspace: "/no/such" } })).toBe("not-measured");
});

test("keys count, keyrings and a masked table do not", async () => {
  const line = (type: string) => ({
    tables: { "/proc/keys": `0f691505 I--Q---     1 perm 1f3f0000     0 65534 ${type}   name: 1\n` },
  });
  const rows = await look(kernelKeyring, line("user"));
  expect(rows.get("kernel-keyring")).toMatchObject({ verdict: "reachable", detail: "of the types user" });
  expect(await verdict(kernelKeyring, "kernel-keyring", line("keyring"))).toBe("absent");
  expect(await verdict(kernelKeyring, "kernel-keyring", { tables: { "/proc/keys": "" } })).toBe("absent");
  expect(await verdict(kernelKeyring, "kernel-keyring", { tables: { "/proc/keys": "EACCES" } })).toBe("denied");
  expect(await verdict(kernelKeyring, "kernel-keyring", { tables: NO_TABLES })).toBe("not-measured");
});

test("a secret on another's command line counts by its form or its option, and is not repeated", async () => {
  const value = ["gh", "p_", "a1".repeat(18)].join("");
  const id = "command-line-secret:others";
  const at = (line: string) => ({ ground: PROCESSES, tables: { "/proc/7/cmdline": line } });
  const rows = await look(commandLineSecret, at(`server\0--x\0${value}\0`));
  expect(rows.get(id)).toMatchObject({ verdict: "reachable", detail: "GitHub token" });
  expect(JSON.stringify([...rows.values()])).not.toContain(value);
  expect(await verdict(commandLineSecret, id, at("server\0--port=80\0"))).toBe("absent");
  expect(await verdict(commandLineSecret, "command-line-secret", { ground: HIDDEN })).toBe("not-measured");
  expect(secretsIn("x\0--api-key=made-up")).toEqual(["a value given to a secret's name"]);
});

test("a proxy is told without its address, and one that is ours is set apart", async () => {
  const environment = {
    HTTPS_PROXY: "http://u:made-up@proxy.invalid:8080",
    http_proxy: "127.0.0.1:3128",
    ALL_PROXY: "http://[",
  };
  const rows = await look(proxyEnvironment, { environment, request: { ours: ["tcp:127.0.0.1:3128"] } });
  expect(rows.get("proxy-environment:HTTPS_PROXY")).toMatchObject({
    verdict: "reachable",
    detail: "http proxy elsewhere, with a password in it",
  });
  expect(rows.get("own:proxy-environment:HTTP_PROXY")?.verdict).toBe("reachable");
  expect(rows.get("proxy-environment:ALL_PROXY")?.verdict).toBe("not-measured");
  expect(rows.get("proxy-environment:FTP_PROXY")?.verdict).toBe("absent");
});

test("other processes are named, those of a host are not, and a hidden table is not an empty one", async () => {
  expect(
    await verdict(visibleProcess, "visible-process:tool", {
      ground: PROCESSES,
      tables: { "/proc/7/comm": "tool\n" },
    }),
  ).toBe("reachable");
  expect(await verdict(visibleProcess, "visible-process:tool", { ground: PROCESSES })).toBeUndefined();
  expect(await verdict(visibleProcess, "visible-process", { ground: HIDDEN })).toBe("not-measured");
});

test("whether another process may be signalled is asked with signal 0", async () => {
  const at = (maySignal: Ground["maySignal"]) => ({ ground: { ...PROCESSES, maySignal } });
  const id = "foreign-signal:others";
  const asked: number[] = [];
  const allowed = at(async (pid) => {
    asked.push(pid);
    return { status: "answered", value: true };
  });
  expect(await verdict(foreignSignal, id, allowed)).toBe("reachable");
  expect(asked).toEqual([7]);
  expect(await verdict(foreignSignal, id, at(refusing("EPERM")))).toBe("denied");
  expect(await verdict(foreignSignal, id, at(refusing("ESRCH")))).toBe("absent");
  expect(await verdict(foreignSignal, "foreign-signal", { ground: HIDDEN })).toBe("not-measured");
  await expect(kernel.maySignal(0)).rejects.toThrow("process number");
  await expect(kernel.maySignal(-1)).rejects.toThrow("process number");
});

test.each([
  ["5.10.101-1", "CVE-2022-0847", "not-measured"],
  ["5.10.237-1", "CVE-2022-0847", "absent"],
  ["5.7.9", "CVE-2022-0847", "absent"],
  ["6.18.5", "CVE-2022-0847", "absent"],
  ["4.8.2", "CVE-2016-5195", "not-measured"],
  ["4.8.3", "CVE-2016-5195", "absent"],
])("a kernel %s, for %s, reads %s and never vulnerable", async (release, flaw, expected) => {
  const rows = await look(kernelRange, { tables: { "/proc/sys/kernel/osrelease": `${release}\n` } });
  expect(rows.get(`kernel-range:${flaw}`)?.verdict).toBe(expected);
  expect(new Set([...rows.values()].map((row) => row.verdict))).not.toContain("reachable");
});

test("gVisor's made-up kernel raises no flaw, and a hidden release is not measured", async () => {
  const gvisor = {
    "/proc/version": "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016",
    "/proc/sys/kernel/osrelease": "4.4.0",
  };
  expect(await verdict(kernelRange, "kernel-range:CVE-2016-5195", { tables: gvisor })).toBe("absent");
  expect(await verdict(kernelRange, "kernel-range:CVE-2016-5195", {})).toBe("not-measured");
});

test("memory that is written and run counts where Node was granted it", async () => {
  const maps = (flags: string) => ({ tables: { "/proc/self/maps": `7f00-7f10 ${flags} 00000000 00:00 0\n` } });
  expect(await verdict(executableMemory, "executable-memory", maps("rwxp"))).toBe("reachable");
  expect(await verdict(executableMemory, "executable-memory", maps("r-xp"))).toBe("not-measured");
  expect(await verdict(executableMemory, "executable-memory", {})).toBe("not-measured");
});

test("fixed addresses count, by the kernel's setting and by the process's own", async () => {
  const at = (value: string, personality: string) => ({
    tables: { "/proc/sys/kernel/randomize_va_space": value, "/proc/self/personality": personality },
  });
  const ids = ["address-randomisation:kernel", "address-randomisation:process"];
  const verdicts = async (world: World) =>
    ids.map((id) => look(addressRandomisation, world).then((rows) => rows.get(id)?.verdict));
  expect(await Promise.all(await verdicts(at("0\n", "00040000\n")))).toEqual(["reachable", "reachable"]);
  expect(await Promise.all(await verdicts(at("2\n", "00000000\n")))).toEqual(["denied", "denied"]);
  expect(await Promise.all(await verdicts(at("no", "")))).toEqual(["not-measured", "not-measured"]);
});

test("a program counts when it may be started", async () => {
  const path = join(directory, "kubectl");
  const world = { environment: { PATH: directory } };
  expect(await verdict(program, "program:kubectl", { ...world, environment: { PATH: directory } })).toMatch(
    /absent|reachable/,
  );
  writeFileSync(path, "", { mode: 0o755 });
  expect((await look(program, world)).get("program:kubectl")).toMatchObject({
    verdict: "reachable",
    access: ["execute"],
  });
  const refused = { ...world, ground: { access: refusing("EACCES") } };
  expect(await verdict(program, "program:kubectl", refused)).not.toBe("reachable");
});

test("membership of a group that commands the engine counts", async () => {
  const tables = { "/etc/group": "docker:x:998:agent\nsudo:x:27:\n" };
  expect(await verdict(rootGroup, "root-group:docker", { tables })).toBe("reachable");
  expect(await verdict(rootGroup, "root-group:sudo", { tables })).toBe("absent");
  expect(await verdict(rootGroup, "root-group:lxd", { tables })).toBe("absent");
  expect(await verdict(rootGroup, "root-group", {})).toBe("not-measured");
});

test("a controlling terminal counts, and typing into it where the kernel still allows that", async () => {
  const at = (number: number, tables = {}) => ({
    tables: { "/proc/self/stat": `7 (a) b) S 1 7 7 ${number} -1 0`, ...tables },
  });
  expect(terminalOf("7 (a) b) S 1 7 7 34816 -1")).toBe(34_816);
  expect(await verdict(terminal, "terminal:controlling", at(34_816))).toBe("reachable");
  expect(await verdict(terminal, "terminal:input-injection", at(34_816))).toBe("reachable");
  const closed = { "/proc/sys/dev/tty/legacy_tiocsti": "0\n" };
  expect(await verdict(terminal, "terminal:input-injection", at(34_816, closed))).toBe("denied");
  expect(await verdict(terminal, "terminal:controlling", at(0))).toBe("absent");
  expect(await verdict(terminal, "terminal:controlling", {})).toBe("not-measured");
});

test("what makes Git run a program counts, what does nothing does not", async () => {
  const environment = { GIT_SSH_COMMAND: "/opt/x --made-up", GIT_EDITOR: "true" };
  const rows = await look(gitEnvironment, { environment });
  expect(rows.get("git-environment:GIT_SSH_COMMAND")?.verdict).toBe("reachable");
  expect(rows.get("git-environment:GIT_EDITOR")?.verdict).toBe("absent");
  expect(JSON.stringify([...rows.values()])).not.toContain("made-up");
});

test("a service of the desktop counts when its socket answers; a FIFO in its place does not hold anything up", async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(join(directory, "bus"), resolve));
  const environment = { XDG_RUNTIME_DIR: directory };
  try {
    expect(await verdict(desktopSocket, "desktop-socket:session-bus", { environment })).toBe("reachable");
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  expect(spawnSync("mkfifo", [join(directory, "wayland-0")]).status).toBe(0);
  expect(await verdict(desktopSocket, "desktop-socket:wayland", { environment })).toBe("absent");
  const silent = {
    environment: { DBUS_SESSION_BUS_ADDRESS: "unix:path=/x/bus,guid=1" },
    ground: {
      stat: async (path: string) =>
        path === "/x/bus" ? { ...(await kernel.stat("/")), ...SOCKET } : kernel.stat(path),
      connect: refusing("ETIMEDOUT"),
    },
  };
  expect(await verdict(desktopSocket, "desktop-socket:session-bus", silent)).toBe("not-measured");
});

const SOCKET = {
  status: "answered" as const,
  value: { kind: "socket" as const, size: 0, mode: 0o777, uid: 0, dev: 1, ino: 1, changedMs: 0 },
};

test("a ring that Node was granted shows that the filter lets io_uring through; without one nothing is known", async () => {
  const filtered = { "/proc/self/status": `${STATUS.replace("Seccomp:\t0", "Seccomp:\t2")}CapEff:\t0\n` };
  const holding = (target: string): World => ({
    tables: filtered,
    ground: {
      list: async () => ({ status: "answered", value: { entries: [{ name: "4", kind: "link" }], isWhole: true } }),
      link: async () => ({ status: "answered", value: target }),
    },
  });
  const id = "dangerous-syscall:io_uring_setup";
  expect(await verdict(dangerousSyscall, id, holding("anon_inode:[io_uring]"))).toBe("reachable");
  expect(await verdict(dangerousSyscall, id, holding("anon_inode:[eventpoll]"))).toBe("not-measured");
  const gvisor = { "/proc/version": "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016" };
  const inGvisor = { ...holding("anon_inode:[io_uring]"), tables: { ...filtered, ...gvisor } };
  expect(await verdict(dangerousSyscall, id, inGvisor)).toBe("denied");
});

test("a working directory that no path leads to counts: one beneath a mount, as one outside would", () => {
  const script = `cd "$1" && mount -t tmpfs none "$1" && shift && exec "$@"`;
  const probe = new URL("../../../src/guest/probe/main.ts", import.meta.url).pathname;
  const looked = (prefix: string[]) => {
    const argv = [...prefix, process.execPath, probe, '{"vantage":"target"}'];
    const { stdout } = spawnSync(argv[0] ?? "", argv.slice(1), { encoding: "utf8", cwd: directory });
    const { observations } = JSON.parse(stdout) as { observations: Observation[] };
    return observations.find(({ id }) => id === "inherited-descriptor:working-directory")?.verdict;
  };
  expect(looked(["unshare", "--mount", "--", "sh", "-c", script, "sh", directory])).toBe("reachable");
  expect(looked([])).toBe("absent");
});

test("from within a chroot the root of another process of the same mount namespace counts when it lies outside", async () => {
  const other = (root: string, named: string): World => ({
    ground: {
      ...PROCESSES,
      link: (path) => (path === "/proc/7/root" ? answered(named) : kernel.link(path.replace("/7/", "/self/"))),
      stat: (path) => kernel.stat(path === "/proc/7/root/" ? root : path),
    },
  });
  const id = "foreign-root:others";
  // To a process in a chroot, the root that is outside is named "/" as well, and is not its own.
  expect(await verdict(foreignRoot, id, other(directory, "/"))).toBe("reachable");
  expect(await verdict(foreignRoot, id, other(directory, directory))).toBe("absent");
});

const answered = async <T>(value: T): Promise<Asked<T>> => ({ status: "answered", value });
