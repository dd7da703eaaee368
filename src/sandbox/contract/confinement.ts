import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ContractCase, hold, type Live, live, node, shell, withDirectory } from "./fixture.ts";
import { type SystemCall, writeSystemCall } from "./systemCall.ts";

/** What it cannot get at. */
export const CONFINEMENT_CASES: readonly ContractCase[] = [
  {
    name: "there is no interface but lo, no route out, and no name is resolved",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker }) => {
        const { stdout, stderr } = await node(broker, NETWORK_SCRIPT);
        hold(stdout !== "", `the check printed nothing: ${stderr.slice(-300)}`);
        const seen = JSON.parse(stdout) as { interfaces: string[]; tcp: string; udp: string; dns: string };
        hold(seen.interfaces.join() === "lo", `interfaces: ${seen.interfaces.join()}`);
        hold(/^E(NETUNREACH|HOSTUNREACH)$/.test(seen.tcp), `connecting to 192.0.2.1 gave ${seen.tcp}`);
        hold(/^E(NETUNREACH|HOSTUNREACH)$/.test(seen.udp), `sending to 192.0.2.1 gave ${seen.udp}`);
        hold(/^E(AI_AGAIN|NOTFOUND)$/.test(seen.dns), `looking up a name gave ${seen.dns}`);
      }),
  },
  {
    name: "no capability is left to a program that it could use or hand on",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, ({ broker }) => holdEmpty(broker, "self", "Cap(Inh|Prm|Eff|Amb)")),
  },
  {
    name: "no capability is left in the bounding set",
    needs: ["empty the bounding set"],
    run: (driver, fixture) => live(driver, fixture, {}, ({ broker }) => holdEmpty(broker, "self", "CapBnd")),
  },
  {
    name: "no capability is left to the first process in any set",
    needs: ["be process 1"],
    run: (driver, fixture) => live(driver, fixture, {}, ({ broker }) => holdEmpty(broker, "1", "Cap[A-Z][a-z]+")),
  },
  {
    name: "no new privileges can be gained",
    needs: ["show no_new_privs"],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker }) => {
        const { stdout } = await shell(broker, "grep ^NoNewPrivs /proc/self/status");
        hold(/:\s*1$/m.test(stdout), `the kernel says ${JSON.stringify(stdout)}`);
      }),
  },
  {
    name: "the root file system and the guest runtime are read-only",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, { uid: 0, gid: 0 }, async ({ broker }) => {
        const { stdout } = await shell(
          broker,
          "for d in / /etc /usr/bin /.guest; do touch $d/x 2>&- && echo $d; done; echo end",
        );
        hold(stdout === "end\n", `root can write to ${stdout}`);
      }),
  },
  {
    name: "sockets of the families a guest has no use for are refused, and those of the internet's are not",
    needs: [],
    run: (driver, fixture) =>
      withCalls(FAMILIES, (mounts) =>
        live(driver, fixture, { mounts }, async ({ broker }) => {
          for (const { name, isRefused } of FAMILIES) {
            const { code } = await shell(broker, `/calls/${name}`);
            hold(isRefused ? REFUSALS.includes(code ?? 0) : code === 0, `socket(${name}) gave error ${code}`);
          }
        }),
      ),
  },
  {
    name: "programs inside can talk to each other over unix sockets",
    needs: ["open unix sockets"],
    run: (driver, fixture) =>
      withCalls([UNIX], (mounts) =>
        live(driver, fixture, { mounts }, async ({ broker }) => {
          const { code } = await shell(broker, `/calls/${UNIX.name}`);
          hold(code === 0, `socket(unix) gave error ${code}`);
        }),
      ),
  },
  {
    name: "system calls a guest has no use for are refused, and new namespaces among them",
    needs: ["filter system calls inside"],
    run: (driver, fixture) =>
      withCalls(CALLS, (mounts) =>
        live(driver, fixture, { mounts }, async ({ broker }) => {
          for (const { name, error } of CALLS) {
            const { code } = await shell(broker, `/calls/${name}`);
            hold(code === error, `${name} gave error ${code}, not ${error}`);
          }
        }),
      ),
  },
  {
    name: "other processes of the machine cannot be seen",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker }) => {
        const { stdout } = await shell(broker, "ls -d /proc/[0-9]* | wc -l");
        hold(Number(stdout) < 10, `${stdout.trim()} processes are seen`);
      }),
  },
  {
    name: "what stops it is out of its sight: no directory that it was made from, no socket of the host, no descriptor of its maker",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker }) => {
        // What it was made from lies in the state directory, beside the latch, the heartbeat and the gateway's socket.
        const above = [fixture.image.rootfs, fixture.image.guest].map((path) => dirname(path));
        const { stdout } = await shell(
          broker,
          `ls -d ${above.map((path) => `'${path}'`).join(" ")} 2>&-
           ls -l /proc/self/fd /proc/1/fd | sed -n 's/.* \\([0-9]*\\) -> \\(.*\\)/\\1 \\2/p'
           sed 1d /proc/net/unix`,
        );
        const lines = stdout.split("\n").filter((line) => line !== "");
        const strange = lines.filter((line) => !OWN_DESCRIPTOR.test(line) && !NAMELESS_SOCKET.test(line));
        hold(strange.length === 0, `it sees ${strange.slice(0, 5).join(", ")}`);
        hold(
          lines.some((line) => OWN_DESCRIPTOR.test(line)),
          "no descriptor is seen at all",
        );
      }),
  },
];

/** Number and what it is: standard ones only, and 3 where `ls` reads the directory itself. */
const OWN_DESCRIPTOR = /^(?:[012] (?:(?:pipe|socket):\[\d+\]|host:\[\d+\]|\/dev\/null)|\d+ \/proc\/\d+\/fd)$/;
/** proc(5), /proc/net/unix: seven fields, and no eighth with a path or an abstract name. */
const NAMELESS_SOCKET = /^[0-9a-f]+:(?: [0-9A-Fa-f]+){5} +\d+ ?$/;

async function holdEmpty(broker: Live["broker"], process: string, sets: string): Promise<void> {
  const { stdout } = await shell(broker, `grep -E "^${sets}:" /proc/${process}/status`);
  const lines = stdout.trim().split("\n");
  hold(lines.length > 0 && lines.every((line) => /:\s*0+$/.test(line)), `the kernel says ${JSON.stringify(stdout)}`);
}

/** EPERM by our filter; EAFNOSUPPORT, EPROTONOSUPPORT and EACCES by kernels that have no such family or need a capability. */
const REFUSALS = [1, 13, 93, 97];
const EPERM = 1;
const ENOSYS = 38;

const socket = (name: string, family: number, type: number, isRefused: boolean) => ({
  name,
  x64: 41,
  arm64: 198,
  args: [family, type, 0],
  isRefused,
});

const UNIX = socket("unix", 1, 1, false);
const FAMILIES = [
  socket("inet", 2, 1, false),
  socket("packet", 17, 3, true),
  socket("alg", 38, 5, true),
  socket("vsock", 40, 1, true),
  socket("bluetooth", 31, 3, true),
];

/** Each with arguments that a kernel which let it through would answer otherwise: EFAULT, EINVAL, EBADF or success. */
const CALLS: (SystemCall & { error: number })[] = [
  { name: "getpid", x64: 39, arm64: 172, args: [], error: 0 },
  { name: "io_uring_setup", x64: 425, arm64: 425, args: [1, 0], error: EPERM },
  { name: "ptrace", x64: 101, arm64: 117, args: [0], error: EPERM },
  { name: "bpf", x64: 321, arm64: 280, args: [99], error: EPERM },
  { name: "keyctl", x64: 250, arm64: 219, args: [99], error: EPERM },
  { name: "add_key", x64: 248, arm64: 217, args: [], error: EPERM },
  { name: "request_key", x64: 249, arm64: 218, args: [], error: EPERM },
  { name: "userfaultfd", x64: 323, arm64: 282, args: [1], error: EPERM },
  { name: "perf_event_open", x64: 298, arm64: 241, args: [], error: EPERM },
  { name: "unshare", x64: 272, arm64: 97, args: [0x10000000], error: EPERM },
  { name: "setns", x64: 308, arm64: 268, args: [0xffffffff], error: EPERM },
  { name: "clone-newuser", x64: 56, arm64: 220, args: [0x10000011], error: EPERM },
  { name: "clone3", x64: 435, arm64: 435, args: [0, 0], error: ENOSYS },
  { name: "mount", x64: 165, arm64: 40, args: [], error: EPERM },
  { name: "fsopen", x64: 430, arm64: 430, args: [], error: EPERM },
  { name: "kexec_load", x64: 246, arm64: 104, args: [], error: EPERM },
  { name: "init_module", x64: 175, arm64: 105, args: [], error: EPERM },
  { name: "process_vm_readv", x64: 310, arm64: 270, args: [1], error: EPERM },
  { name: "open_by_handle_at", x64: 304, arm64: 265, args: [0xffffffff], error: EPERM },
];

type Calls = readonly SystemCall[];
type CallMounts = [{ kind: "bind"; source: string; path: string; mode: "ro" }];

async function withCalls(calls: Calls, use: (mounts: CallMounts) => Promise<void>): Promise<void> {
  await withDirectory((directory) => {
    chmodSync(directory, 0o755);
    for (const call of calls) writeSystemCall(join(directory, call.name), call);
    return use([{ kind: "bind", source: directory, path: "/calls", mode: "ro" }]);
  });
}

const NETWORK_SCRIPT = `
const code = (error) => (error ? error.code : "went through");
const tcp = new Promise((done) => {
  const socket = require("net").connect({ host: "192.0.2.1", port: 80, timeout: 3000 });
  socket.once("connect", () => done("went through")).once("timeout", () => done("timeout")).once("error", (e) => done(e.code));
});
const udp = new Promise((done) => {
  const socket = require("dgram").createSocket("udp4");
  socket.send("x", 53, "192.0.2.1", (error) => { done(code(error)); socket.close(); });
});
const dns = new Promise((done) => require("dns").lookup("a.example", (error) => done(code(error))));
Promise.all([tcp, udp, dns]).then(([tcp, udp, dns]) => {
  console.log(JSON.stringify({ interfaces: Object.keys(require("os").networkInterfaces()), tcp, udp, dns }));
  process.exit();
});`;
