import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { limitsOf, narrowerThan, narrowTo } from "../../src/cycle/narrower.ts";
import { chooseDriver } from "../../src/cycle/targetDriver.ts";
import { planTarget, type TargetPlan } from "../../src/cycle/targetPlan.ts";
import type { Driver } from "../../src/sandbox/sandbox.ts";
import { readDeclared } from "../../src/stack/declared.ts";
import { type Tree, tree } from "../support/tree.ts";

const original = { home: "/home/dev", workspace: "/home/dev/desk" };
const never = () => Promise.reject(new Error("not in this test"));
const verbs = { check: never, create: never, list: never, destroy: never, look: never };
const BWRAP: Driver = { kind: "bubblewrap", isolation: "container", cannot: [], ...verbs };
const ends: (() => void | Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** The plan for a file of the workspace, in a clone of which `files` are the rest. */
async function plan(file: string, text: unknown, files: Record<string, unknown> = {}, driver = BWRAP) {
  const place: Tree = tree({ [file]: text, ...files });
  const directory = mkdtempSync(join(tmpdir(), "wd-plan-"));
  const rootfs = join(directory, "rootfs");
  mkdirSync(join(rootfs, "etc"), { recursive: true });
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0::/:/bin/sh\n");
  const touched: string[] = [];
  const declared = await readDeclared(place, file, original);
  const chosen = chooseDriver({ driver: "auto", nest: false }, [driver], declared);
  const made = await planTarget({
    declared,
    chosen,
    clone: place,
    directory,
    rootfs,
    onTouch: (path) => void touched.push(path),
  });
  ends.push(
    () => Promise.all(made.standIns.map((standIn) => standIn.close())),
    () => made.sentinels.forEach((sentinel) => sentinel.stop()),
    () => rmSync(directory, { recursive: true, force: true }),
    () => place[Symbol.asyncDispose](),
  );
  const at = (path: string) => made.mounts.find((mount) => mount.path === path);
  return { ...made, declared, place, directory, touched, at, whats: made.notRepeated.map(({ what }) => what) };
}

const source = (mount: TargetPlan["mounts"][number] | undefined) => (mount?.kind === "bind" ? mount.source : "");
const compose = (keys: string) => `services:\n  a:\n    ${keys}\n`;

test("home and workspace are the clone's where the declaration brings them in, as it brings them in", async () => {
  const made = await plan("workspace/compose.yaml", compose("volumes: ['.:/w:ro', '~:/root:ro']"));
  expect(made.at("/w")).toMatchObject({ source: made.place.workspace, mode: "ro" });
  expect(made.at("/root")).toMatchObject({ source: made.place.home, mode: "ro" });
  const other = await plan("workspace/compose.yaml", compose("volumes: ['.:/w']"));
  expect(other.at("/w")).toMatchObject({ mode: "rw" });
  expect(source(other.at("/root"))).toBe(join(other.directory, "home"));
});

test("a socket of an engine or of an agent is ours and rings", async () => {
  const made = await plan(
    "workspace/run.sh",
    "docker run -v $PWD:/w -v /run/podman/podman.sock:/p.sock -v $SSH_AUTH_SOCK:/ssh img",
  );
  expect(made.standIns).toHaveLength(2);
  for (const path of ["/p.sock", "/ssh"]) {
    const socket = source(made.at(path));
    expect(socket.startsWith(made.directory)).toBe(true);
    await new Promise((done) => connect(socket).once("close", done).once("error", done).resume());
    await expect.poll(() => made.touched).toContain(path);
  }
});

test("a directory of the host is ours, and rings when the file in it is read", async () => {
  const made = await plan("workspace/run.sh", "docker run -v $PWD:/w -v /srv/x:/x -v /srv/ca.pem:/ca.pem img");
  expect(statSync(source(made.at("/ca.pem"))).isFile()).toBe(true);
  const directory = source(made.at("/x"));
  // Where reads do not move access times there is no bell, and that is said.
  const isBlind = made.sentinels.length === 0;
  expect(made.whats.includes("a bell in /srv/x")).toBe(isBlind);
  if (!isBlind) readFileSync(join(directory, "notes.txt"));
  await expect.poll(() => isBlind || made.touched.includes("/x"), { timeout: 10_000 }).toBe(true);
});

test("what has no stand-in is a row and no mount", async () => {
  const made = await plan(
    "workspace/run.sh",
    "docker run -v $PWD:/w --device=/dev/kvm -v /proc:/proc -v /etc/passwd:/etc/passwd:ro -v /srv:/tmp img",
  );
  expect(made.whats).toEqual(
    expect.arrayContaining(["device /dev/kvm", "/proc at /proc", "/etc/passwd at /etc/passwd", "/srv at /tmp"]),
  );
  expect(made.mounts.map(({ path }) => path)).toEqual(["/tmp", "/root", "/w"]);
});

test("a place that is hidden is empty, whatever the clone has there", async () => {
  const settings = { network: {}, filesystem: { allowWrite: ["."], denyRead: ["~/.aws", "~/.netrc", "~/.gone"] } };
  const files = { "home/.aws/credentials": "x", "home/.netrc": "x" };
  const made = await plan("home/.srt-settings.json", settings, files);
  expect(statSync(source(made.at("/home/dev/.aws"))).isDirectory()).toBe(true);
  expect(readFileSync(source(made.at("/home/dev/.netrc")), "utf8")).toBe("");
  expect(made.at("/home/dev/.gone")).toBeUndefined();
  expect(made.at("/home/dev")).toMatchObject({ source: made.place.home, mode: "ro" });
  expect(made.at("/home/dev/desk")).toMatchObject({ mode: "rw" });
});

test("the tool itself gets a whole world, and closes it by its own settings", async () => {
  const settings = { network: { allowUnixSockets: ["/run/docker.sock"] }, filesystem: { denyRead: ["~/.aws"] } };
  const made = await plan("home/.srt-settings.json", settings, { "home/.aws/x": "" }, { ...BWRAP, kind: "srt" });
  expect(made.mounts.map((mount) => `${mount.path} ${mount.kind === "bind" ? mount.mode : "tmpfs"}`)).toEqual([
    "/tmp tmpfs",
    "/home/dev rw",
    "/home/dev/desk rw",
    "/run/docker.sock rw",
  ]);
  expect(made.confinement.readOnlyRoot).toBe(false);
});

test("a driver into which no socket can be passed gets none, and its silence is no denial", async () => {
  const cannot = [{ what: "pass unix sockets in", why: "of a reason" }];
  const made = await plan(
    "workspace/compose.yaml",
    compose("volumes: ['/run/docker.sock:/d.sock']"),
    {},
    { ...BWRAP, cannot },
  );
  expect(made.at("/d.sock")).toBeUndefined();
  expect(made.whats).toContain("/run/docker.sock at /d.sock");
  expect(made.narrower).toContainEqual({ of: "engine-socket", why: "of a reason" });
});

test("what a driver cannot leave open it closes, and says so", async () => {
  const cannot = ["allow new privileges", "keep capabilities", "leave system calls unfiltered"].map((what) => ({
    what,
    why: "of a reason",
  }));
  const made = await plan("workspace/run.sh", "docker run --privileged -v $PWD:/w img");
  narrowTo({ ...BWRAP, cannot }, made);
  expect(made.confinement).toMatchObject({ noNewPrivileges: true, capabilities: [], seccomp: "strict" });
  expect(made.notRepeated.filter(({ why }) => why === "of a reason")).toHaveLength(3);
  const sound = await plan("workspace/run.sh", "docker run --cap-drop ALL --security-opt no-new-privileges img");
  narrowTo({ ...BWRAP, cannot }, sound);
  expect(sound.notRepeated.filter(({ why }) => why === "of a reason")).toEqual([]);
});

test("gVisor is given no right over what its kernel has not got", async () => {
  const made = await plan("workspace/run.sh", "docker run --privileged -v $PWD:/w img");
  narrowTo({ ...BWRAP, kind: "runsc", isolation: "gvisor" }, made);
  expect(made.confinement.capabilities).toContain("CAP_SYS_ADMIN");
  expect(made.confinement.capabilities).not.toContain("CAP_BPF");
  expect(made.notRepeated.map(({ what }) => what)).toContain("CAP_BPF, CAP_CHECKPOINT_RESTORE, CAP_PERFMON");
});

test("every wall that is taken away makes our refusals of its kind say nothing", async () => {
  const of = async (flags: string) => {
    const { declared } = await plan("workspace/run.sh", `docker run ${flags} img`);
    return narrowerThan(declared).map((row) => row.of);
  };
  expect(await of("")).toEqual(["resource-limit"]);
  expect(await of("--pid=host")).toEqual(expect.arrayContaining(["namespace", "host-processes", "foreign-environ"]));
  expect(await of("--device=/dev/kvm")).toContain("device-node");
  expect(await of("--security-opt apparmor=unconfined")).toContain("lsm");
  expect(await of("--net host")).toContain("host-network-namespace");
});

test("declared limits are repeated where the room allows them, and said where not", async () => {
  const ours = { memoryMiB: 512, cpus: 1, pids: 128 };
  const limits = async (flags: string) => {
    const made = await plan("workspace/run.sh", `docker run ${flags} img`);
    const found = limitsOf(made.declared, ours, made);
    const said = made.notRepeated.map(({ what }) => what).filter((what) => what.startsWith("limit "));
    return { found, said, isOurs: made.narrower.some(({ of }) => of === "resource-limit") };
  };
  expect(await limits("-m 256m --cpus 0.5 --pids-limit 100")).toEqual({
    found: { memoryMiB: 256, cpus: 0.5, pids: 100 },
    said: [],
    isOurs: false,
  });
  expect(await limits("-m 8g --pids-limit 4")).toEqual({
    found: ours,
    said: ["limit memoryMiB 8192", "limit pids 4"],
    isOurs: true,
  });
  expect(await limits("")).toEqual({ found: ours, said: [], isOurs: true });
});
