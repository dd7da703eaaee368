import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nameBoundary, nameRuntime } from "../../../src/guest/probe/boundary.ts";
import { parseAbstract } from "../../../src/guest/probe/cross-boundary/abstract-socket.ts";
import { type Ground, kernel } from "../../../src/guest/probe/ground.ts";
import { isHostBacked, mountOf, parseMountinfo } from "../../../src/guest/probe/mounts.ts";
import { parseListeners } from "../../../src/guest/probe/network/loopback-listener.ts";
import { parseNetDev } from "../../../src/guest/probe/network/network-interface.ts";
import { hasDefault4, hasDefault6 } from "../../../src/guest/probe/network/network-route.ts";
import { decodeCapabilities } from "../../../src/guest/probe/process/capabilities.ts";
import { parseRequest } from "../../../src/guest/probe/request.ts";
import { formOf, isSecretName } from "../../../src/guest/probe/secrets/secret-shapes.ts";

test("a mount that a later one covers is not believed, nor what lies below it", () => {
  const mounts = parseMountinfo(
    [
      "20 1 8:1 / / rw - ext4 /dev/sda rw",
      "21 20 0:1 / /proc rw - proc proc rw",
      "22 21 0:1 /sys /proc/sys ro - proc proc rw",
      "23 21 0:2 / /proc rw,nosuid - proc proc rw",
    ].join("\n"),
  );
  expect(mounts.map((mount) => mount.path)).toEqual(["/", "/proc"]);
  expect(mountOf(mounts, "/proc/sys/kernel")?.isReadOnly).toBe(false);
});

test("a mount that is its own parent, as gVisor's root is, hides nothing", () => {
  const mounts = parseMountinfo(
    "8 8 0:8 / / ro - 9p none ro\n9 8 0:9 / /sys rw - sysfs none rw,dentry_cache_limit=1000",
  );
  expect(mounts.map((mount) => mount.path)).toEqual(["/", "/sys"]);
});

test("spaces in a mount's path are read back, and broken lines are left out", () => {
  const mounts = parseMountinfo("20 1 8:1 / /a\\040b rw shared:1 - ext4 d rw\nnonsense\n");
  expect(mounts).toMatchObject([{ path: "/a b", propagation: "shared" }]);
});

test("a tmpfs is the host's only when a part of it is mounted", () => {
  const [whole, part] = parseMountinfo("2 1 0:1 / /tmp rw - tmpfs t rw\n3 1 0:2 /x /run/x rw - tmpfs t rw");
  expect(whole && isHostBacked(whole)).toBe(false);
  expect(part && isHostBacked(part)).toBe(true);
});

test.each([
  ["gvisor", { version: "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016" }],
  ["microvm", { bootId: "b", request: parseRequest('{"vantage":"lab","host":{"bootId":"a"}}') }],
  ["seccomp", { status: new Map([["Seccomp", "2"]]) }],
  ["seccomp", { status: new Map([["Seccomp", "2"]]), isLandlocked: true }],
  ["landlock", { status: new Map([["Seccomp", "0"]]), isLandlocked: true }],
  ["namespaces", { status: new Map([["Seccomp", "0"]]), namespaces: { pid: "4026532000" } }],
  ["none", { status: new Map([["Seccomp", "0"]]), namespaces: { pid: "4026531836" } }],
  ["microvm", { commandLine: "quiet systemd.unit=kata-containers.target", status: new Map([["Seccomp", "2"]]) }],
  ["unknown", {}],
] as const)("the boundary is named %s by its sign", (expected, signs) => {
  const nothing = {
    status: undefined,
    mounts: undefined,
    namespaces: {},
    bootId: undefined,
    version: "Linux 6.1",
    isLandlocked: false,
    commandLine: "quiet console=ttyS0",
  };
  expect(nameBoundary({ ...nothing, request: parseRequest('{"vantage":"lab"}'), ...signs })).toBe(expected);
});

test.each([
  [
    "kata",
    { "/proc/cmdline": "systemd.unit=kata-containers.target", "/sys/class/dmi/id/sys_vendor": "QEMU\n" },
    "microvm",
  ],
  ["qemu", { "/proc/cmdline": "quiet", "/sys/class/dmi/id/sys_vendor": "QEMU\n" }, "microvm"],
  ["cloud-hypervisor", { "/sys/class/dmi/id/sys_vendor": "Cloud Hypervisor\n" }, "microvm"],
  ["firecracker", { "/proc/cmdline": "console=ttyS0 reboot=k panic=1 pci=off" }, "microvm"],
  ["microvm", { "/proc/cmdline": "quiet" }, "microvm"],
  ["microvm", {}, "microvm"],
  ["bubblewrap", { "/proc/1/comm": "bwrap\n" }, "namespaces"],
  // What a machine calls itself is nothing to a container on it.
  ["unknown", { "/proc/cmdline": "pci=off" }, "seccomp"],
] as const)("the runtime is named %s by its marks", async (expected, tables: Record<string, string>, boundary) => {
  const refused = async () => ({ status: "refused" as const, errno: "ENOENT" });
  const table: Ground["table"] = async (path) =>
    tables[path] === undefined ? refused() : { status: "answered", value: tables[path] };
  expect(await nameRuntime({ ...kernel, table, lstat: refused }, boundary, {})).toBe(expected);
});

test("a tool that marks the environment of what it starts is named by that", async () => {
  expect(await nameRuntime(kernel, "seccomp", { SANDBOX_RUNTIME: "1" })).toBe("srt");
});

test("listeners on the loopback and on every address are found, others and connections are not", () => {
  const table = [
    "  sl  local_address rem_address   st",
    "   0: 0100007F:1F90 00000000:0000 0A",
    "   1: 00000000:0016 00000000:0000 0A",
    "   2: 0500A8C0:0050 00000000:0000 0A",
    "   3: 0100007F:2382 0100007F:1F90 01",
  ].join("\n");
  expect(parseListeners("tcp", table).map(({ host, port }) => `${host}:${port}`)).toEqual([
    "127.0.0.1:22",
    "127.0.0.1:8080",
  ]);
});

test("only abstract sockets that somebody listens on are taken", () => {
  const table = [
    "Num       RefCount Protocol Flags    Type St Inode Path",
    "0000: 00000002 00000000 00010000 0001 01 1 @/tmp/.X11-unix/X0",
    "0000: 00000002 00000000 00000000 0001 03 2 @connected",
    "0000: 00000002 00000000 00010000 0001 01 3 /run/path.sock",
  ].join("\n");
  expect(parseAbstract(table)).toEqual(["/tmp/.X11-unix/X0"]);
});

test("a default route is told from others, and from the kernel's reject route", () => {
  const head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n";
  expect(hasDefault4(`${head}eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000`)).toBe(true);
  expect(hasDefault4(`${head}eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF`)).toBe(false);
  const zero = "0".repeat(32);
  expect(hasDefault6(`${zero} 00 ${zero} 00 ${zero} ffffffff 1 0 00200200 lo`)).toBe(false);
  expect(hasDefault6(`${zero} 00 ${zero} 00 ${zero} 00000400 1 0 00000003 eth0`)).toBe(true);
});

test("interfaces are named, down ones too", () => {
  expect(parseNetDev("h\nh\n    lo: 0 0\n  eth0: 0 0\n")).toEqual(["eth0", "lo"]);
});

test("capabilities are decoded by bit, and what is no mask is not empty", () => {
  expect([...(decodeCapabilities("0000000000280000") ?? [])]).toEqual(["CAP_SYS_PTRACE", "CAP_SYS_ADMIN"]);
  expect(decodeCapabilities("")).toBeUndefined();
  expect(decodeCapabilities(undefined)).toBeUndefined();
});

test.each([
  ["GITHUB_TOKEN", true],
  ["AWS_SECRET_ACCESS_KEY", true],
  ["ANTHROPIC_API_KEY", true],
  ["DATABASE_URL", true],
  ["SSH_AUTH_SOCK", false],
  ["AWS_SHARED_CREDENTIALS_FILE", false],
  ["PATH", false],
  ["KEYBOARD_LAYOUT", false],
  ["MONKEY", false],
])("whether %s names a secret: %s", (name, expected) => {
  expect(isSecretName(name)).toBe(expected);
});

test("forms of credentials are recognised, and ordinary text is not", () => {
  expect(formOf(["xo", "xb-", "1".repeat(12)].join(""))).toBe("Slack token");
  expect(formOf(["postgres://app:", "made-up", "@db.invalid/x"].join(""))).toBe("URL with a password");
  expect(formOf("/usr/local/bin")).toBeUndefined();
});

test("no check can start, write, mount, signal or run anything: the words for it are nowhere in the probe", () => {
  const root = new URL("../../../src/guest/probe/", import.meta.url).pathname;
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const forbidden =
    /node:child_process|node:worker_threads|\b(writeFile|appendFile|mkdir|mkdtemp|unlink|rename|symlink|chmod|chown|truncate|createWriteStream|dlopen|readFile)(Sync)?\(/;
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((name) => forbidden.test(readFileSync(join(root, name), "utf8")))).toEqual([]);
});

test("what opens a file for reading is only asked of the kernel's tables, of resolv.conf and of the list of groups", () => {
  const root = new URL("../../../src/guest/probe/", import.meta.url).pathname;
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const literal = files.flatMap((name) =>
    [...readFileSync(join(root, name), "utf8").matchAll(/\.(?:table|opens)\(\s*["`]([^"`]*)/g)].map(
      (match) => match[1] ?? "",
    ),
  );
  expect(literal.length).toBeGreaterThan(10);
  const settings = ["/etc/resolv.conf", "/etc/group"];
  expect(literal.filter((path) => !/^\/(proc|sys)\//.test(path) && !settings.includes(path))).toEqual([]);
});
