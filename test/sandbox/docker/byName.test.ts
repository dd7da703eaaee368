import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drivers, findDrivers } from "../../../src/sandbox/all.ts";
import { live, node, scratchSpec, shell } from "../../../src/sandbox/contract/fixture.ts";
import { boots } from "../../../src/sandbox/contract.ts";
import { LABEL } from "../../../src/sandbox/docker/container.ts";
import { engineClient } from "../../../src/sandbox/docker/engine.ts";
import { STRICT } from "../../../src/sandbox/sandbox.ts";
import { type DockerBed, dockerBed } from "../../support/dockerBed.ts";
import { type Engine, RUNSC_ARGS, startEngine } from "../../support/engine.ts";

const cycle = `byname${process.pid}`;
const signal = new AbortController().signal;

let programs: string;
let engine: Engine;
let bed: DockerBed;
const fixture = () => ({ image: bed.image, signal, cycle });

function program(name: string, line: string): string {
  const path = join(programs, name);
  writeFileSync(path, `#!/bin/sh\nexec ${line} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

beforeAll(async () => {
  programs = mkdtempSync(join(tmpdir(), "wdrt-"));
  engine = await startEngine({
    second: { path: "runc" },
    gvisor: { path: "runsc", runtimeArgs: [...RUNSC_ARGS, "--fsgofer-host-uds"] },
    kata: { path: "runc" },
    "kata-of-runc": { path: program("kata-runtime", "runc") },
    "kata-of-gvisor": { path: program("kata-fc", `runsc ${RUNSC_ARGS.join(" ")}`) },
    "gvisor-of-runc": { path: program("runsc-fast", "runc") },
    gone: { path: join(programs, "youki") },
  });
  bed = await dockerBed(engine.socket);
});
afterAll(async () => {
  await engine.stop();
  bed.remove();
  rmSync(programs, { recursive: true, force: true });
});

test("every runtime that the engine has registered has a driver, once, and so has the one that is asked for", async () => {
  const options = { runDirectory: join(bed.home, "none"), dockerSocket: engine.socket, wanted: "docker-absent" };
  const found = await findDrivers(options, signal);
  const kinds = found.map(({ kind }) => kind).filter((kind) => kind.startsWith("docker-"));
  const names = [
    "runsc",
    "runc",
    "second",
    "gvisor",
    "kata",
    "kata-of-runc",
    "kata-of-gvisor",
    "gvisor-of-runc",
    "gone",
  ];
  expect(kinds.toSorted()).toEqual([...names, "absent"].map((name) => `docker-${name}`).toSorted());
  const absent = found.find(({ kind }) => kind === "docker-absent");
  expect(await absent?.check(signal)).toMatchObject({
    status: "missing",
    reason: expect.stringContaining("no runtime absent") as string,
    hint: expect.stringContaining("daemon.json") as string,
  });
});

test("without an engine there are the drivers that say so", async () => {
  const dockerSocket = join(bed.home, "nowhere.sock");
  const found = await findDrivers({ runDirectory: bed.home, dockerSocket, wanted: "bubblewrap" }, signal);
  const kindsOf = (all: typeof found) => all.map(({ kind }) => kind);
  expect(kindsOf(found)).toEqual(kindsOf(drivers({ runDirectory: bed.home })));
});

describe("what a runtime is called is no proof of what it is", () => {
  const boot = (runtime: string) => {
    const driver = bed.driver(runtime);
    return { driver, booted: boots(driver, { image: bed.image, deadlineMs: 20_000, signal }) };
  };

  test("kata that points to runc is a container, and starts as one", async () => {
    const { driver, booted } = boot("kata");
    expect(driver.isolation).toBe("container");
    expect(await booted).toMatchObject({ status: "booted" });
  });

  test.each([
    ["kata-of-runc", "container", "is taken for a microvm (it points to kata-runtime) and shows itself a container"],
    ["kata-of-gvisor", "gvisor", "is taken for a microvm (it points to kata-fc) and shows itself a gvisor"],
    ["gvisor-of-runc", "container", "is taken for a gvisor (it points to runsc-fast) and shows itself a container"],
  ])("%s is found out at its first start, and ranks as a %s from then on", async (runtime, shown, said) => {
    const { driver, booted } = boot(runtime);
    expect(driver.isolation).not.toBe(shown);
    expect(await booted).toMatchObject({ status: "failed", reason: expect.stringContaining(said) as string });
    expect(await driver.list()).toEqual([]);
    expect(driver.isolation).toBe(shown);
    expect(await boots(driver, { image: bed.image, deadlineMs: 20_000, signal })).toMatchObject({ status: "booted" });
  });

  test("one that points to nothing does not start, in one line", async () => {
    expect(await boot("gone").booted).toMatchObject({
      status: "failed",
      reason: expect.stringContaining("no such file or directory") as string,
    });
  });
});

test("the kernel inside is the host's under runc by any name, and gVisor's own under runsc by any name", async () => {
  const ask = "cat /proc/sys/kernel/random/boot_id 2>&- || echo none; dmesg 2>&- | grep -ci gvisor";
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  await live(bed.driver("second"), fixture(), {}, async ({ broker, sandbox }) => {
    expect(sandbox).toMatchObject({ driver: "docker-second", isolation: "container" });
    expect((await shell(broker, ask)).stdout).toBe(`${bootId}\n0\n`);
  });
  await live(bed.driver("gvisor"), fixture(), {}, async ({ broker, sandbox }) => {
    expect(sandbox).toMatchObject({ driver: "docker-gvisor", isolation: "gvisor" });
    const { stdout } = await shell(broker, ask);
    expect(stdout).not.toContain(bootId);
    expect(Number(stdout.split("\n")[1])).toBeGreaterThan(0);
  });
});

test.each([
  ["gvisor", "hi"],
  ["runsc", "EPERM"],
])("whether %s opens the host's sockets goes by its flags: %s", async (runtime, said) => {
  const directory = mkdtempSync(join(programs, "uds-"));
  chmodSync(directory, 0o755);
  const server = createServer((socket) => socket.end("hi")).listen(join(directory, "s"));
  server.once("listening", () => chmodSync(join(directory, "s"), 0o777));
  const driver = bed.driver(runtime);
  const cannot = driver.cannot.some(({ what }) => what === "pass unix sockets in");
  expect(cannot).toBe(said !== "hi");
  const mounts = [{ kind: "bind", source: directory, path: "/srv/x", mode: "ro" }] as const;
  await live(driver, fixture(), { mounts }, async ({ broker }) => {
    const script = `require("net").connect("/srv/x/s").on("data", (d) => console.log(String(d)))
      .on("error", (e) => console.log(e.code))`;
    expect((await node(broker, script)).stdout).toBe(`${said}\n`);
  });
  server.close();
});

test("a container of ours whose runtime is registered no more is listed with runc's", async () => {
  const runc = bed.driver("runc");
  const sandbox = await runc.create(scratchSpec(fixture()), signal);
  const { Image } = await engineClient(engine.socket).getContainer(sandbox.name).inspect();
  const name = `wd-${cycle}-scratch-orphan`;
  const Labels = { [LABEL.cycle]: cycle, [LABEL.driver]: "docker-withdrawn" };
  await engineClient(engine.socket).createContainer({ name, Image, Cmd: ["/bin/true"], Labels });
  expect(await runc.list()).toEqual(expect.arrayContaining([name, sandbox.name]));
  expect(await bed.driver("second").list()).toEqual([]);
  await runc.destroy(name);
  await sandbox.kill();
  expect(await runc.list()).toEqual([]);
});

describe("a confinement that a stack declares takes effect, seen from inside", () => {
  const status = "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t' | tr '\\n' ' '";
  const root = "awk '$2 == \"/\" { print substr($4, 1, 2) }' /proc/mounts";

  test("strict: no capability, no new privileges, a filter, a root that cannot be written", async () => {
    await live(bed.driver("second"), fixture(), { uid: 0, gid: 0 }, async ({ broker }) => {
      const { stdout } = await shell(broker, `${status}; ${root}`);
      expect(stdout).toBe("CapEff:0000000000000000 CapBnd:0000000000000000 NoNewPrivs:1 Seccomp:2 ro\n");
    });
  });

  test("each wall that is taken down is down, and no other", async () => {
    const confinement = {
      capabilities: ["CAP_NET_RAW", "CAP_SYS_PTRACE"],
      noNewPrivileges: false,
      seccomp: "none",
      readOnlyRoot: false,
    } as const;
    await live(bed.driver("second"), fixture(), { uid: 0, gid: 0, confinement }, async ({ broker }) => {
      const { stdout } = await shell(broker, `${status}; ${root}; touch /made && ls /made; ls /sys/class/net`);
      // Bits 13 and 19 of capability.h.
      expect(stdout).toBe("CapEff:0000000000082000 CapBnd:0000000000082000 NoNewPrivs:0 Seccomp:0 rw\n/made\nlo\n");
    });
  });

  test("a capability that is declared for a user other than root stays within its bounds", async () => {
    const confinement = { ...STRICT, capabilities: ["CAP_NET_RAW"] };
    await live(bed.driver("second"), fixture(), { confinement }, async ({ broker }) => {
      const { stdout } = await shell(broker, status);
      expect(stdout).toMatch(/CapEff:0{16} CapBnd:0{12}2000 /);
    });
  });
});
