import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { type MountedAt, quoted, scriptsOf } from "../../../src/sandbox/qemu/init.ts";
import { type SandboxSpec, STRICT } from "../../../src/sandbox/sandbox.ts";

const spec: SandboxSpec = {
  name: "wd-c-target-1",
  cycle: "c",
  role: "target",
  rootfs: "/rootfs",
  guest: "/guest",
  mounts: [],
  env: { PATH: "/bin" },
  cwd: "/workspace",
  uid: 1000,
  gid: 1000,
  limits: { memoryMiB: 512, cpus: 1, pids: 128 },
  confinement: STRICT,
};

test.each(["plain", "it's", "$(poweroff -f)", "a\nb", '`x` \\ "', "--"])("%j is one word to a shell", (word) => {
  const { stdout } = spawnSync("sh", ["-c", `printf %s ${quoted(word)}`], { encoding: "utf8" });
  expect(stdout).toBe(word);
});

test("whatever a declaration holds, the scripts are valid and nothing of it is a command", () => {
  const nasty = "'; poweroff -f; echo '";
  const mounts: MountedAt[] = [
    { mount: { kind: "bind", source: "/s", path: `/opt/${nasty}`, mode: "rw" }, isDirectory: true },
  ];
  const { init, inside } = scriptsOf({ ...spec, env: { A: nasty }, cwd: `/${nasty}` }, mounts);
  for (const script of [init, inside]) {
    const { status, stderr } = spawnSync("busybox", ["sh", "-n"], { input: script, encoding: "utf8" });
    expect(status, stderr).toBe(0);
  }
  expect(inside).not.toMatch(/^poweroff/m);
});

test("the strict confinement is repeated: filter, no capability, no new privileges, its user, a read-only root", () => {
  const { init, inside } = scriptsOf(spec, []);
  expect(init).toMatch(/mount -t virtiofs -o ro root \/root/);
  expect(init).toMatch(/echo 536870912 >\/cgroup\/sandbox\/memory.max/);
  expect(init).toMatch(/echo 128 >\/cgroup\/sandbox\/pids.max/);
  expect(inside).toMatch(/exec 5<\/filtered/);
  expect(inside).toMatch(
    /'\/proc\/self\/fd\/5' .*'--reuid=1000' '--regid=1000'.*'--bounding-set=-all' '--no-new-privs'/,
  );
});

test("a weak one is repeated as weak: no filter, capabilities kept, new privileges allowed, a writable root", () => {
  const confinement = {
    capabilities: ["CAP_SYS_ADMIN"],
    noNewPrivileges: false,
    seccomp: "none",
    readOnlyRoot: false,
  } as const;
  const { init, inside } = scriptsOf({ ...spec, confinement }, []);
  expect(init).toMatch(/mount -t virtiofs -o rw root \/root/);
  expect(inside).toContain("'--bounding-set=-all,+sys_admin'");
  expect(inside).not.toMatch(/filtered|fd\/5|no-new-privs/);
});

test("a mount within another stands after it, and each bind mount is taken by its own number", () => {
  const mounts: MountedAt[] = [
    { mount: { kind: "bind", source: "/a", path: "/desk/deep/a", mode: "ro" }, isDirectory: true },
    { mount: { kind: "tmpfs", path: "/desk", sizeMiB: 4 }, isDirectory: true },
    { mount: { kind: "bind", source: "/b", path: "/etc/b", mode: "rw" }, isDirectory: false },
  ];
  const { inside } = scriptsOf(spec, mounts);
  const at = (text: string): number => inside.indexOf(text);
  expect(at("tmpfs '/root/desk'")).toBeGreaterThan(0);
  expect(at("mount --bind /mounts/0 '/root/desk/deep/a'")).toBeGreaterThan(at("tmpfs '/root/desk'"));
  expect(inside).toContain("remount,bind,ro,nosuid,nodev '/root/desk/deep/a'");
  expect(inside).toContain("mount --bind /mounts/1 '/root/etc/b'");
});
