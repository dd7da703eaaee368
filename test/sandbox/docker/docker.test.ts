import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import Docker from "dockerode";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { OperatorError, Stopped } from "../../../src/base/errors.ts";
import { certify } from "../../../src/sandbox/certificate.ts";
import { dockerDriver } from "../../../src/sandbox/docker/docker.ts";
import { containerProcesses } from "../../../src/sandbox/docker/dockerLooks.ts";
import { prepareGuest, prepareRootfs } from "../../../src/sandbox/image.ts";
import { provision } from "../../../src/sandbox/provision.ts";
import { type Driver, type SandboxSpec, STRICT } from "../../../src/sandbox/sandbox.ts";
import { scratchBroker } from "../../../src/sandbox/scratchBroker.ts";
import { sweep } from "../../../src/sandbox/sweep.ts";
import { destroyAll } from "../../../src/stop/destroyAll.ts";
import { openEntries, readJournal } from "../../../src/stop/journal.ts";
import { type Engine, startEngine } from "../../support/engine.ts";

const SECCOMP = resolve(import.meta.dirname, "../../../sandboxes/seccomp/strict.json");

let engine: Engine;
let home: string;
let state: string;
let parts: { rootfs: string; guest: string };
let count = 0;
const cycle = `ctest-${process.pid}`;
const never = new AbortController().signal;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "weakdoor-docker-"));
  engine = await startEngine();
  parts = { rootfs: await prepareRootfs(join(home, "cache")), guest: (await prepareGuest(join(home, "cache"))).path };
});
afterAll(async () => {
  await engine.stop();
  rmSync(home, { recursive: true });
});
beforeEach(() => {
  state = mkdtempSync(join(home, "state-"));
});

const driverOf = (runtime: "runc" | "runsc", socket = engine.socket): Driver =>
  dockerDriver({ runtime, socket, runDirectory: join(state, "run"), seccompPath: SECCOMP });

function spec(more: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    name: `wd-${cycle}-scratch-${++count}`,
    cycle,
    role: "scratch",
    ...parts,
    mounts: [{ kind: "tmpfs", path: "/tmp", sizeMiB: 16 }],
    env: { PATH: "/bin:/usr/bin" },
    cwd: "/",
    uid: 1000,
    gid: 1000,
    limits: { memoryMiB: 256, cpus: 1, pids: 128 },
    confinement: STRICT,
    ...more,
  };
}

const certificateOf = (driver: Driver, name: string) =>
  certify(driver, name, { role: "scratch", bornAt: null, runDirectory: join(state, "run"), clock: systemClock });

const make = (driver: Driver, signal = never, one = spec()) =>
  provision(driver, one, {
    stateDir: state,
    clock: systemClock,
    signal,
    watchdog: { isAlive: () => true },
    onCertificate: () => undefined,
  });

describe.each(["runc", "runsc"] as const)("with %s", (runtime) => {
  test("a command runs inside as the guest's user, and nothing is left afterwards", async () => {
    const sandbox = await make(driverOf(runtime));
    const script = "id -u; ls /sys/class/net; touch /x; echo y > /tmp/y && cat /tmp/y";
    const ran = await scratchBroker(sandbox.channel).run({
      run: { argv: ["/bin/sh", "-c", script] },
      env: { PATH: "/bin:/usr/bin" },
      cwd: "/",
      stdin: "",
      timeoutMs: 10_000,
      outputBytesMax: 65_536,
    });
    expect(ran.stdout).toBe("1000\nlo\ny\n");
    expect(ran.stderr).toMatch(/touch: \/x: /);
    expect(await driverOf(runtime).list()).toEqual([sandbox.name]);
    const certificate = await sandbox.end();
    expect(certificate.looks.filter((look) => look.status !== "clean")).toEqual([]);
    expect(certificate.status).toBe("destroyed");
    expect(await driverOf(runtime).list()).toEqual([]);
    // Its channel is cut as it is killed, and either may be what ends it.
    const ends = [
      { code: null, signal: "SIGKILL" },
      { code: 0, signal: null },
    ];
    expect(ends).toContainEqual(await sandbox.exited);
  });

  test("it ends when its channel does", async () => {
    const driver = driverOf(runtime);
    const sandbox = await driver.create(spec(), never);
    sandbox.channel.end();
    sandbox.channel.resume();
    const exit = await sandbox.exited;
    expect(exit.signal).toBeNull();
    await driver.destroy(sandbox.name);
    expect((await certificateOf(driver, sandbox.name)).status).toBe("destroyed");
  });

  test("while the engine is frozen its processes die at once, and it is not called destroyed until the engine was asked", async () => {
    const driver = driverOf(runtime);
    const sandbox = await make(driver);
    process.kill(engine.pid, "SIGSTOP");
    try {
      const id = sandbox.hints?.commandLine ?? "";
      expect(containerProcesses(id).length).toBeGreaterThan(1);
      const ending = sandbox.end();
      const guests = () => containerProcesses(id).filter((p) => !p.commandLine.includes("containerd-shim"));
      await expect.poll(() => guests().map((p) => p.commandLine), { interval: 5, timeout: 500 }).toEqual([]);
      const certificate = await ending;
      expect(certificate.status).toBe("unverified");
      expect(certificate.looks.filter((look) => look.status === "not-looked").map((look) => look.what)).toEqual([
        "the engine's containers",
      ]);
    } finally {
      process.kill(engine.pid, "SIGCONT");
    }
    expect(openEntries(readJournal(state).entries)).toHaveLength(1);
    const report = await sweep({
      drivers: [driverOf(runtime)],
      stateDir: state,
      clock: systemClock,
      scope: "journal",
    });
    expect(report.certificates).toMatchObject([{ sandbox: sandbox.name, status: "destroyed" }]);
    expect(openEntries(readJournal(state).entries)).toEqual([]);
  });

  test("a shim that leaked is seen", async () => {
    const driver = driverOf(runtime);
    const sandbox = await driver.create(spec(), never);
    const id = sandbox.hints?.commandLine ?? "";
    await sandbox.kill();
    const leaked = spawn("sh", ["-c", "sleep 300; :", "containerd-shim", "-id", id], {
      stdio: "ignore",
      detached: true,
    });
    await once(leaked, "spawn");
    const certificate = await certificateOf(driver, sandbox.name);
    process.kill(-(leaked.pid ?? 0), "SIGKILL");
    expect(certificate.status).toBe("unverified");
    expect(certificate.looks).toContainEqual(
      expect.objectContaining({ what: "processes by container id", status: "left" }),
    );
  });

  test("an abort at any moment of the creation leaves nothing", async () => {
    const driver = driverOf(runtime);
    const ends = await Promise.all(
      [0, 10, 25, 45, 80, 130].map(async (delayMs) => {
        const stop = new AbortController();
        setTimeout(() => stop.abort(new Stopped("drill")), delayMs);
        const made = make(driver, stop.signal).then((sandbox) => sandbox.end());
        return made.then(
          (certificate) => certificate.status,
          (thrown: unknown) => (thrown instanceof Stopped ? "destroyed" : String(thrown)),
        );
      }),
    );
    expect(new Set(ends)).toEqual(new Set(["destroyed"]));
    expect(await driver.list()).toEqual([]);
  });

  test("the watchdog's routes end it without the driver", async () => {
    const driver = driverOf(runtime);
    const sandbox = await driver.create(spec(), never);
    const { name, hints = {} } = sandbox;
    const open = [
      { cycle, name, driver: driver.kind, isBorn: true, deadline: new Date(0).toISOString(), processes: [], hints },
    ];
    const done = await destroyAll(() => ({ cycle, gateways: [], open }));
    expect(done).toMatchObject({ isComplete: true, sandboxes: [{ name, status: "gone" }] });
    // The processes are its business; empty control groups and the record are swept by the next start.
    await driver.destroy(name);
    expect((await certificateOf(driver, name)).status).toBe("destroyed");
  });
});

describe("an engine that cannot be used is missing, with what to do", () => {
  test("there is no socket", async () => {
    const found = await driverOf("runc", join(home, "nowhere.sock")).check(never);
    expect(found).toMatchObject({ status: "missing" });
    expect(JSON.stringify(found)).toContain("start the engine");
  });

  test("it accepts and never answers", async () => {
    const socket = join(home, "silent.sock");
    const silent = createServer(() => undefined).listen(socket);
    await once(silent, "listening");
    const start = performance.now();
    const found = await driverOf("runc", socket).check(never);
    silent.close();
    expect(found).toMatchObject({ status: "missing", reason: expect.stringContaining("did not answer") as string });
    expect(performance.now() - start).toBeLessThan(4_000);
  });

  test("it has no such runtime", async () => {
    expect(await driverOf("runsc").check(never)).toMatchObject({ status: "ready" });
    const found = await driverOf("kata" as "runsc").check(never);
    expect(found).toMatchObject({ status: "missing", reason: expect.stringContaining("no runtime kata") as string });
  });
});

test("a name that is taken is refused, and its owner lives on", async () => {
  const driver = driverOf("runc");
  const one = spec();
  const sandbox = await driver.create(one, never);
  await expect(driver.create(one, never)).rejects.toThrow("already in use");
  expect(containerProcesses(sandbox.hints?.commandLine ?? "").length).toBeGreaterThan(1);
  await sandbox.kill();
});

test("what the engine refuses is said in one line, and leaves nothing", async () => {
  const driver = driverOf("runc");
  const one = spec({ mounts: [{ kind: "bind", source: join(home, "not-there"), path: "/x", mode: "ro" }] });
  await expect(driver.create(one, never)).rejects.toThrow(OperatorError);
  expect(await driver.list()).toEqual([]);
});

test("an image that the engine holds stands in for ours, and one that it does not hold is asked for in one line", async () => {
  const own = "weakdoor-test/own:1";
  const first = await driverOf("runc").create(spec(), never);
  const { Image } = await new Docker({ socketPath: engine.socket }).getContainer(first.name).inspect();
  await new Docker({ socketPath: engine.socket }).getImage(Image).tag({ repo: "weakdoor-test/own", tag: "1" });
  await first.kill();
  const withImage = (image: string) =>
    dockerDriver({
      runtime: "runc",
      socket: engine.socket,
      runDirectory: join(state, "run"),
      seccompPath: SECCOMP,
      image,
    });
  const second = await withImage(own).create(spec(), never);
  const started = await new Docker({ socketPath: engine.socket }).getContainer(second.name).inspect();
  expect(started.Config.Image).toBe(own);
  await second.kill();
  await expect(withImage("weakdoor-test/absent:1").create(spec(), never)).rejects.toThrow(
    "the engine holds no image",
  );
});
