import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProbeReport } from "../../../src/guest/observation.ts";
import { parseProbe } from "../../../src/probe/probe.ts";
import { processesWith } from "../../support/weakdoor.ts";
import { makeWorld, type World } from "./world.ts";

/**
 * What the probe asks of the kernel, call by call, as strace(1) writes it down: one whole run with everything in reach that it must
 * leave alone. The words for such calls are not in its sources either (tables.test.ts); here the kernel says that none was made.
 */

let world: World;
let calls: ReturnType<typeof ofTheProbe>;
let report: ProbeReport;
let stdout: string;

/** At the beginning of every planted secret, so that a single read of one would show it. */
const SECRET = "made-up-secret";
const OF_HOME = [".aws/credentials", ".ssh/id_ed25519", ".claude/.credentials.json", ".netrc", ".bash_history"];
const OF_WORKSPACE = [".env", ".npmrc", "notes.txt"];

beforeAll(async () => {
  world = await makeWorld();
  plant(world.home, OF_HOME);
  plant(world.workspace, OF_WORKSPACE);
  mkdirSync(join(world.workspace, ".git/hooks"), { recursive: true });
  writeFileSync(join(world.workspace, ".git/config"), "[core]\nhooksPath = .githooks\n");
  spawnSync("mkfifo", [join(world.home, ".pgpass")]);
  const listener = await world.listener("agent.sock");
  const path = join(world.directory, "trace");
  // Every descriptor with what it leads to.
  const strace = ["strace", "--follow-forks", "-qq", "--decode-fds=path", "--output", path] as const;
  const args = ["--bind", listener, "/run/agent.sock", "--setenv", "API_TOKEN", `${SECRET}-in-env`];
  const ended = await world.raw({
    args: [...args, "--bind", world.workspace, "/workspace"],
    request: { isDeep: true, keyHex: "00ff" },
    prefix: [...strace],
  });
  stdout = ended.stdout;
  const parsed = parseProbe(stdout);
  if (parsed.status === "refused") throw new Error(`${parsed.reason}: ${ended.stderr}`);
  report = parsed.report;
  calls = ofTheProbe(readFileSync(path, "utf8"));
});
afterAll(() => world.close());

function plant(directory: string, names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), `${SECRET} of ${name}\n`);
  }
}

/** From its execve on, of its own threads: what begins later than that is one of them. A call that waited has a second line. */
function ofTheProbe(text: string): { name: string; text: string }[] {
  const lines = text.split("\n").map((line) => /^(\d+) +(.*)$/.exec(line) ?? []);
  const start = lines.findIndex(([, , call]) => call?.startsWith("execve(") === true && call.includes("probe.mjs"));
  const before = new Set(lines.slice(0, start).map(([, pid]) => pid));
  const own = lines[start]?.[1];
  return lines
    .slice(start + 1)
    .filter(([, pid]) => pid === own || !before.has(pid))
    .map(([, , call = ""]) => ({ name: /^(\w+)\(/.exec(call)?.[1] ?? "", text: call }));
}

const called = (...names: string[]) => calls.filter(({ name }) => names.includes(name)).map(({ text }) => text);

test("it was watched at its work: it opened tables, asked for permissions, connected and answered", () => {
  expect(calls.length).toBeGreaterThan(1_000);
  expect(called("openat").some((call) => call.includes("/proc/self/status"))).toBe(true);
  expect(called("connect").some((call) => call.includes("/run/agent.sock"))).toBe(true);
  const reached = report.observations.filter(({ verdict }) => verdict === "reachable").map(({ id }) => id);
  expect(reached).toEqual(expect.arrayContaining(["credential-file:~/.ssh/id_ed25519", "env-secret:API_TOKEN"]));
});

test("no secret was read, no file of a person but Git's settings, and no value of one was written anywhere", () => {
  expect(calls.filter(({ text }) => text.includes(SECRET))).toEqual([]);
  expect(stdout).not.toContain(SECRET);
  const opened = called("open", "openat", "openat2").filter((call) => /"\/(home\/agent|workspace)\b/.test(call));
  const files = opened.filter((call) => !call.includes("O_DIRECTORY"));
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((call) => !call.includes('"/workspace/.git/config"'))).toEqual([]);
});

test("nothing was mounted, and no namespace, key, module, trace or file handle was asked for", () => {
  const never = (
    "mount umount2 move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr pivot_root chroot unshare setns " +
    "ptrace process_vm_readv process_vm_writev kcmp bpf perf_event_open userfaultfd keyctl add_key request_key " +
    "init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct sethostname " +
    "setdomainname iopl ioperm quotactl open_by_handle_at syslog vhangup settimeofday clock_settime adjtimex " +
    "setuid setgid setreuid setregid setresuid setresgid setgroups setns"
  ).split(" ");
  expect(called(...never)).toEqual([]);
});

test("nothing was made, changed, moved or removed, and only its own name in /proc was opened for writing, unwritten", () => {
  const never = (
    "creat mkdir mkdirat mknod mknodat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat " +
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat truncate ftruncate fallocate utime utimes utimensat " +
    "setxattr lsetxattr fsetxattr removexattr copy_file_range sendfile splice pwrite64 pwritev pwritev2"
  ).split(" ");
  expect(called(...never)).toEqual([]);
  const writing = called("open", "openat", "openat2").filter((call) => /O_(WRONLY|RDWR|CREAT|TRUNC)/.test(call));
  expect(writing.filter((call) => !call.includes('"/proc/self/comm"'))).toEqual([]);
  // Its own pipes and counters, standard output, and sockets that it made itself.
  const written = called("write", "writev").filter(
    (call) => !/^writev?\((\d+<(pipe|anon_inode|socket):|1<)/.test(call),
  );
  expect(written).toEqual([]);
});

test("no program was started, no process was made or left behind, and nobody was signalled", () => {
  expect(called("execve", "execveat", "fork", "vfork")).toEqual([]);
  expect(called("clone", "clone3").filter((call) => !call.includes("CLONE_THREAD"))).toEqual([]);
  expect(called("kill").filter((call) => !/^kill\(\d+(<[^>]*>)?, 0\b/.test(call))).toEqual([]);
  expect(called("tkill", "pidfd_send_signal", "rt_sigqueueinfo")).toEqual([]);
  expect(processesWith(world.directory)).toEqual([]);
});

test("no packet socket was made, and nothing was connected to but what lies in the sandbox", () => {
  expect(called("socket").filter((call) => /AF_(PACKET|ALG|VSOCK|XDP)|SOCK_RAW, IPPROTO/.test(call))).toEqual([]);
  const outwards = called("connect", "sendto", "sendmsg").filter((call) => /sin6?_(addr|port)/.test(call));
  expect(outwards.filter((call) => !/127\.0\.0\.1|"::1"/.test(call))).toEqual([]);
});
