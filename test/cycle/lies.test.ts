import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256Hex } from "../../src/base/hash.ts";
import { touchFromInside } from "../../src/decoys/touch.ts";
import { type Gateway, type Guest, GuestFailed } from "../../src/egress/egress.ts";
import { startGateway } from "../../src/egress/gateway.ts";
import { type GuestProgram, PROXY_PORT } from "../../src/guest/wire.ts";
import { measure, requestOf } from "../../src/probe/probe.ts";
import { Report } from "../../src/report/report.ts";
import { library } from "../../src/researcher/library.ts";
import { type Study, study } from "../../src/researcher/study.ts";
import { bubblewrapDriver } from "../../src/sandbox/bubblewrap/bubblewrap.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import { type Sandbox, STRICT } from "../../src/sandbox/sandbox.ts";
import { CATALOGUE } from "../../src/sources/weaknesses/catalogue.ts";
import { openGateways, readJournal } from "../../src/stop/journal.ts";
import { type SmallStack, stackOf } from "../support/stackOf.ts";
import { processesWith, start, weakdoor } from "../support/weakdoor.ts";

/** Guests that lie: every program that runs inside is taken for one that somebody else wrote. */
const never = new AbortController().signal;
let directory: string;
let image: Image;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-lies-"));
  image = await prepareImage(join(directory, "cache"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Kills only where it is inside: the guest's runtime stands nowhere else. */
const KILL_SHIM =
  'import { existsSync } from "node:fs"; if (existsSync("/.guest/shim.mjs")) process.kill(process.ppid, "SIGKILL"); setTimeout(() => {}, 5000);';
const LIES = {
  nothing: "",
  "no JSON": 'console.log("all is well")',
  "another shape": 'console.log(JSON.stringify({ version: 1, from: "host", observations: "none" }))',
  "too much": 'process.stdout.write("x".repeat(20e6))',
  "no end": "setInterval(() => {}, 1000)",
};

describe("inside a real sandbox", () => {
  const TASK_MS = 1_500;
  let gateway: Gateway;
  let sandbox: Sandbox;
  let guest: Guest;
  let runtime: string;
  let current: Study | undefined;

  /** A sandbox whose programs can be exchanged while it lives, joined to a gateway of its own. */
  beforeAll(async () => {
    const name = `wd-lies${process.pid}-scratch-1`;
    runtime = join(directory, "runtime");
    execFileSync("cp", ["-al", image.guest, runtime]);
    gateway = await startGateway({
      cycle: "lies",
      runDirectory: join(directory, "gateway"),
      allowlists: [],
      canaryHosts: [],
      onRequest: async (request) => current?.answer(request) ?? { status: 409, body: {} },
      onAlarm: () => undefined,
      signal: never,
    });
    sandbox = await bubblewrapDriver({ runDirectory: join(directory, "run") }).create(
      {
        name,
        cycle: "lies",
        role: "lab",
        rootfs: image.rootfs,
        guest: runtime,
        mounts: [{ kind: "tmpfs", path: "/tmp", sizeMiB: 16 }],
        env: {},
        cwd: "/",
        uid: 65_534,
        gid: 65_534,
        limits: { memoryMiB: 512, cpus: 1, pids: 64 },
        confinement: STRICT,
      },
      never,
    );
    const attached = await gateway.attach({ name, role: "lab", channel: sandbox.channel });
    guest = {
      ...attached,
      run: (task, signal) => attached.run({ ...task, timeoutMs: Math.min(task.timeoutMs, TASK_MS) }, signal),
    };
    await guest.hello;
  });
  afterAll(async () => {
    await sandbox.kill();
    await gateway.cut("the test ended");
  });

  function exchange(program: GuestProgram, lie: string): void {
    const path = join(runtime, `${program}.mjs`);
    // Removed first: it is a hard link to the honest one.
    rmSync(path);
    writeFileSync(path, lie, { mode: 0o644 });
  }

  const probe = () =>
    measure(
      (stdin) =>
        guest.run(
          {
            run: { program: "probe", args: [] },
            env: {},
            cwd: "/",
            stdin,
            timeoutMs: TASK_MS,
            outputBytesMax: 4_000_000,
          },
          never,
        ),
      requestOf({ vantage: "target" }),
    );
  const drill = () => touchFromInside(guest, [{ touch: "sentinel-file", path: "/etc/passwd" }], never);
  const research = () => {
    current = study({
      mode: "scripted",
      model: "",
      prompt: "",
      readerPrompt: "",
      library: library(directory),
      observations: [],
      weaknesses: CATALOGUE,
    });
    return current.run(guest, never);
  };

  test.each(Object.entries(LIES))("a probe that says %s is refused, and is no empty measurement", async (_, lie) => {
    exchange("probe", lie);
    expect(await probe()).toMatchObject({ status: "refused" });
  });

  test.each(Object.entries(LIES))("a drill that says %s has said nothing", async (_, lie) => {
    exchange("drill", lie);
    const touched = await drill();
    if (touched.status !== "nothing-said") throw new Error("its word was taken");
    expect(touched.reason).not.toBe("");
  });

  test.each(Object.entries(LIES))("a researcher that says %s has failed, and has found nothing", async (_, lie) => {
    exchange("research", lie);
    const { end, candidates } = await research();
    expect(end.status).toBe("failed");
    expect(candidates).toEqual([]);
  });

  test("a program can neither take up the sandbox's tasks nor hand in results for it", async () => {
    const asking = `
      import { request } from "node:http";
      const ask = (method, path) => new Promise((done) => {
        const url = "http://broker.weakdoor.internal" + path;
        const asked = request({ host: "127.0.0.1", port: ${PROXY_PORT}, method, path: url, agent: false }, (answer) => {
          answer.resume();
          done(answer.statusCode);
        });
        asked.on("error", () => done(0));
        asked.end(method === "POST" ? "{}" : undefined);
      });
      const asked = [["GET", "/v1/task"], ["POST", "/v1/task/t0"], ["POST", "/v1/heartbeat"], ["POST", "/v1/hello"]];
      const answers = [];
      for (const [method, path] of asked) answers.push(await ask(method, path));
      console.log(JSON.stringify(answers));`;
    exchange("probe", asking);
    const task = { run: { program: "probe" as const, args: [] }, env: {}, cwd: "/", stdin: "", timeoutMs: TASK_MS };
    const said = await guest.run({ ...task, outputBytesMax: 1_000 }, never);
    expect(said.stdout).toBe("[403,403,403,403]\n");
  });

  test("a program that kills the shim ends its sandbox, and whoever waits for it learns that it is gone", async () => {
    exchange("probe", KILL_SHIM);
    await expect(probe()).rejects.toThrow(GuestFailed);
    await sandbox.exited;
    await expect(drill()).rejects.toThrow(/is gone/);
    await sandbox.kill();
    expect(processesWith(sandbox.name)).toEqual([]);
  });
});

describe("in a whole cycle", () => {
  let stack: SmallStack;
  let bundles: string;
  beforeAll(() => {
    stack = stackOf("lying");
    mkdirSync(stack.state, { mode: 0o700 });
    execFileSync("cp", ["-a", join(directory, "cache"), stack.state]);
    bundles = join(stack.state, "cache", "bundles");
  });
  afterAll(() => stack.remove());

  /** One cycle in which a program is the lie. The probe runs on the host as well: a lie of it must be a harmless one. */
  async function cycleWith(program: GuestProgram, lie: string) {
    const path = join(bundles, `${program}.mjs`);
    const recipePath = join(bundles, `${program}.recipe.json`);
    const [honest, recipe] = [readFileSync(path), readFileSync(recipePath, "utf8")];
    // As if the lie had been built from our sources: a file that is only swapped is noticed.
    writeFileSync(path, lie);
    writeFileSync(recipePath, JSON.stringify({ ...JSON.parse(recipe), bundle: sha256Hex(lie) }));
    try {
      return await weakdoor("run", ...stack.args);
    } finally {
      writeFileSync(path, honest);
      writeFileSync(recipePath, recipe);
    }
  }

  function expectNothingLeft(): void {
    expect(processesWith(stack.directory)).toEqual([]);
    expect(readdirSync(join(stack.state, "run")).filter((name) => /^(wd-)?c\d|^lock$/.test(name))).toEqual([]);
  }

  test("a probe whose answer is refused ends it: nothing was checked, and it says which answer and why", async () => {
    const ended = await cycleWith("probe", LIES["no JSON"]);
    expect(ended.code, ended.err).toBe(21);
    expect(ended.err).toMatch(/\nweakdoor: the probe in the (target|lab): the report is not JSON.*\nhint: .*\n$/);
    expectNothingLeft();
  });

  test("a program that was swapped after it was put there runs nowhere, and the cycle says which it is", async () => {
    const honest = readFileSync(join(bundles, "probe.mjs"));
    // Each program that was built leaves a directory: the one that is used now holds what is built now.
    const path = readdirSync(join(stack.state, "cache"))
      .filter((one) => one.startsWith("guest-"))
      .map((one) => join(stack.state, "cache", one, "probe.mjs"))
      .find((one) => readFileSync(one).equals(honest));
    if (path === undefined) throw new Error("there is no honest guest");
    rmSync(path);
    writeFileSync(path, `import { writeFileSync } from "node:fs"; writeFileSync("${stack.directory}/ran", "");`);
    const ended = await weakdoor("run", ...stack.args);
    expect(ended.code, ended.err).toBe(2);
    expect(ended.err).toMatch(/weakdoor: .*probe\.mjs is not what was put there.*\nhint: .*\n$/);
    expect(existsSync(join(stack.directory, "ran"))).toBe(false);
    writeFileSync(path, honest);
    expectNothingLeft();
  });

  test("a drill program that lies is caught by the preflight, before anything is measured", async () => {
    const ended = await cycleWith("drill", LIES["another shape"]);
    expect(ended.code, ended.err).toBe(30);
    expect(ended.err).toMatch(/\nweakdoor: preflight: .*\nhint: .*\n$/);
    expectNothingLeft();
  });

  test("a researcher that floods the broker with what is no candidate is counted, and the cycle goes on without it", async () => {
    const flooding = `
      import { request } from "node:http";
      const url = "http://broker.weakdoor.internal/v1/research/candidate";
      const tell = (body) => new Promise((done) => {
        const headers = { "content-type": "application/json" };
        const told = request({ host: "127.0.0.1", port: ${PROXY_PORT}, method: "POST", path: url, agent: false, headers }, (answer) => {
          answer.resume();
          answer.once("end", done);
        });
        told.on("error", done);
        told.end(body);
      });
      for (let i = 0; i < 20; i++) await tell("no json");
      for (let i = 0; i < 20; i++) await tell('{"weakness":1}');
      await tell(JSON.stringify({ weakness: "engine-socket-in-sandbox", observations: ["engine-socket:/x"], note: "trust me" }));
      console.log("x".repeat(1e6));`;
    const ended = await cycleWith("research", flooding);
    expect(ended.code, ended.err).toBe(20);
    const [cycle = ""] = readdirSync(stack.reports);
    const { research } = Report.parse(JSON.parse(readFileSync(join(stack.reports, cycle, "report.json"), "utf8")));
    expect(research.malformed).toBeGreaterThanOrEqual(40);
    expect(research).toMatchObject({ candidates: 1, accepted: 0 });
    expect(research.refused).toHaveLength(1);
    expect(research.end).toMatch(/^failed: .*said no last word/);
    expectNothingLeft();
  });

  test("a sandbox that dies in the middle is missed, and nothing is concluded", async () => {
    const running = start(["run", ...stack.args]);
    await running.says("  target ");
    const name = readdirSync(join(stack.state, "run")).find((one) => /^wd-.*-target-1$/.test(one));
    if (name === undefined) throw new Error("there is no target");
    const pids = processesWith(name).map((line) => Number(line.split(" ")[0]));
    expect(pids.length).toBeGreaterThan(0);
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (thrown) {
        // One dies with another.
        if (!String(thrown).includes("ESRCH")) throw thrown;
      }
    }
    const ended = await running.ended;
    expect(ended.code, ended.err).toBe(21);
    expect(ended.err).toMatch(/\nweakdoor: .*-target-1.* is gone: .*\nhint: .*\n$/);
    expectNothingLeft();
  });

  test("without its gateway a cycle breaks off, and is not taken for one that was stopped", async () => {
    const running = start(["run", ...stack.args]);
    await running.says("  lab ");
    const [gateway] = openGateways(readJournal(stack.state).entries);
    if (gateway === undefined) throw new Error("there is no gateway");
    process.kill(gateway.pid, "SIGKILL");
    const ended = await running.ended;
    expect(ended.code, ended.err).toBe(30);
    expect(ended.err).toMatch(/\nweakdoor: the gateway process ended: .*\nhint: .*\n$/);
    expectNothingLeft();
    expect((await weakdoor("status", "--state", stack.state)).out).toContain("armed, not set");
  });
});
