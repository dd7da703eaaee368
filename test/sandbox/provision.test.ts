import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { OperatorError, Stopped } from "../../src/base/errors.ts";
import { newCycleId } from "../../src/base/ids.ts";
import { Certificate } from "../../src/sandbox/certificate.ts";
import { type ProvisionOptions, provision, Unverified } from "../../src/sandbox/provision.ts";
import { refuseUnknownOnes, sweep, unknownOnes } from "../../src/sandbox/sweep.ts";
import { appendEntry, openEntries, readJournal } from "../../src/stop/journal.ts";
import { setLatch } from "../../src/stop/latch.ts";
import { findProcesses, killProcess, processId } from "../../src/stop/processes.ts";
import { startWatchdog } from "../../src/stop/startWatchdog.ts";
import { type Faults, fakeDriver, fakeSpec } from "../support/fakeDriver.ts";

let state: string;
let cycle: string;
let certificates: Certificate[];
let pids: number[];
let controller: AbortController;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "weakdoor-provision-"));
  cycle = newCycleId(systemClock);
  certificates = [];
  pids = [];
  controller = new AbortController();
});
afterEach(() => {
  for (const p of findProcesses((candidate) => candidate.commandLine.includes(cycle))) killProcess(p);
  rmSync(state, { recursive: true, force: true });
});

const driver = (faults: Faults = {}) => fakeDriver(cycle, faults, (pid) => pids.push(pid));
const options = (more: Partial<ProvisionOptions> = {}): ProvisionOptions => ({
  stateDir: state,
  clock: systemClock,
  signal: controller.signal,
  watchdog: { isAlive: () => true },
  onCertificate: (certificate) => certificates.push(Certificate.parse(certificate)),
  ...more,
});
const alive = () =>
  pids.filter((pid) => processId(pid) !== undefined && findProcesses((p) => p.pid === pid).length > 0);
const kinds = () => readJournal(state).entries.map((entry) => entry.kind);

describe("making one", () => {
  test("it stands in the journal before it exists, and ends with a certificate", async () => {
    const sandbox = await provision(driver(), fakeSpec(cycle), options());
    expect(kinds()).toEqual(["intent", "born"]);
    expect(alive()).toHaveLength(1);
    const certificate = await sandbox.end();
    expect(certificate).toMatchObject({ status: "destroyed", role: "scratch", sandbox: fakeSpec(cycle).name });
    expect(certificate.looks.map((look) => look.what)).toContain("mounts");
    expect(await sandbox.end()).toBe(certificate);
    expect(alive()).toEqual([]);
    expect(kinds()).toEqual(["intent", "born", "dead"]);
    expect(certificates).toEqual([certificate]);
  });

  test("leaving its scope ends it", async () => {
    {
      await using sandbox = await provision(driver(), fakeSpec(cycle), options());
      expect(sandbox.pid).toBe(pids[0]);
    }
    expect(alive()).toEqual([]);
    expect(certificates).toMatchObject([{ status: "destroyed" }]);
  });

  test("what a create left whose reply was lost is destroyed and certified", async () => {
    const lost = provision(driver({ createFailsAfterStart: true }), fakeSpec(cycle), options());
    await expect(lost).rejects.toThrow("the reply was lost");
    expect(pids).toHaveLength(1);
    expect(alive()).toEqual([]);
    expect(certificates).toMatchObject([{ status: "destroyed", bornAt: null }]);
    expect(openEntries(readJournal(state).entries)).toEqual([]);
  });

  test("a create that takes too long is given up, and named", async () => {
    const slow = provision(driver({ createDelayMs: 400 }), fakeSpec(cycle), options({ createTimeoutMs: 100 }));
    await expect(slow).resolves.toBeDefined();
    const stuck = provision(driver({ createDelayMs: 30_000 }), fakeSpec(cycle, 2), options({ createTimeoutMs: 100 }));
    await expect(stuck).rejects.toThrow(OperatorError);
    expect(alive()).toHaveLength(1);
    await (await slow).end();
  });

  test("a name that may be in use is refused, and its owner lives on", async () => {
    const sandbox = await provision(driver(), fakeSpec(cycle), options());
    await expect(provision(driver(), fakeSpec(cycle), options())).rejects.toThrow("already");
    expect(alive()).toHaveLength(1);
    await sandbox.end();
  });

  test("a journal that cannot be written stops it before anything is made", async () => {
    mkdirSync(join(state, "journal.jsonl"));
    await expect(provision(driver(), fakeSpec(cycle), options())).rejects.toThrow("EISDIR");
    expect(pids).toEqual([]);
  });
});

describe("the kill switch", () => {
  test("refuses to make anything once it is set", async () => {
    setLatch(state, { who: "ada", why: "drill" }, systemClock);
    await expect(provision(driver(), fakeSpec(cycle), options())).rejects.toThrow(Stopped);
    expect(pids).toEqual([]);
    expect(kinds()).toEqual([]);
  });

  test("set while a create is under way, takes what comes of it", async () => {
    const making = provision(driver({ createDelayMs: 150 }), fakeSpec(cycle), options());
    await expect.poll(() => pids.length, { interval: 5 }).toBe(1);
    setLatch(state, { who: "ada", why: "drill" }, systemClock);
    await expect(making).rejects.toThrow(Stopped);
    expect(alive()).toEqual([]);
    expect(certificates).toMatchObject([{ status: "destroyed" }]);
  });

  test("ends all at once when the signal aborts", async () => {
    const made = await Promise.all([1, 2, 3].map((n) => provision(driver(), fakeSpec(cycle, n), options())));
    controller.abort(new Stopped("drill"));
    await expect.poll(alive, { interval: 5, timeout: 1_000 }).toEqual([]);
    for (const sandbox of made) expect((await sandbox.end()).status).toBe("destroyed");
    await expect(provision(driver(), fakeSpec(cycle, 4), options())).rejects.toThrow(Stopped);
  });

  test("leaves no survivor, whenever it speaks during ten creates", async () => {
    for (const delayMs of [0, 5, 10, 20, 40]) {
      const stop = new AbortController();
      const making = Array.from({ length: 10 }, (_, n) =>
        provision(
          driver({ createDelayMs: n * 4 }),
          fakeSpec(cycle, delayMs * 100 + n),
          options({ signal: stop.signal }),
        ),
      );
      const timer = setTimeout(() => stop.abort(new Stopped("drill")), delayMs);
      for (const one of await Promise.allSettled(making)) if (one.status === "fulfilled") await one.value.end();
      clearTimeout(timer);
      expect(alive()).toEqual([]);
    }
    expect(openEntries(readJournal(state).entries)).toEqual([]);
  });

  test("a dead watchdog is a reason to make nothing", async () => {
    await using watchdog = await startWatchdog({ stateDir: state, cycle });
    await (await provision(driver(), fakeSpec(cycle), options({ watchdog }))).end();
    killProcess(watchdog.process);
    await watchdog.died;
    await expect(provision(driver(), fakeSpec(cycle, 2), options({ watchdog }))).rejects.toThrow("no watchdog");
    expect(pids).toHaveLength(1);
  });

  test("a watchdog that is stopped is one too, and what was made as it fell silent is ended", async () => {
    await using watchdog = await startWatchdog({ stateDir: state, cycle, answerMs: 300 });
    const making = provision(driver({ createDelayMs: 300 }), fakeSpec(cycle), options({ watchdog }));
    await expect.poll(() => pids.length, { interval: 5 }).toBe(1);
    process.kill(watchdog.process.pid, "SIGSTOP");
    await expect(making).rejects.toThrow("no watchdog answers");
    expect(alive()).toEqual([]);
    await expect(provision(driver(), fakeSpec(cycle, 2), options({ watchdog }))).rejects.toThrow("no watchdog");
    expect(pids).toHaveLength(1);
    expect(certificates).toMatchObject([{ status: "destroyed" }]);
    process.kill(watchdog.process.pid, "SIGCONT");
  });
});

describe("a survivor is an error, not a quiet stop", () => {
  test("its certificate is unverified and names it, and leaving its scope throws", async () => {
    let thrown: unknown;
    try {
      await using sandbox = await provision(driver({ survives: true }), fakeSpec(cycle), options());
      expect(sandbox.pid).toBe(pids[1]);
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toBeInstanceOf(Unverified);
    expect(String(thrown)).toContain(`pid ${pids[0]}`);
    expect(certificates).toMatchObject([{ status: "unverified" }]);
    expect(openEntries(readJournal(state).entries)).toHaveLength(1);
  });

  test("a look that cannot be made is no clean look", async () => {
    const sandbox = await provision(driver({ lookFails: true }), fakeSpec(cycle), options());
    const certificate = await sandbox.end();
    expect(alive()).toEqual([]);
    expect(certificate.status).toBe("unverified");
    expect(certificate.looks).toContainEqual({
      what: "bubblewrap itself",
      status: "not-looked",
      reason: "no right to look",
    });
  });

  test("a directory that it left behind is seen", async () => {
    const sandbox = await provision(driver(), fakeSpec(cycle), options());
    mkdirSync(join(state, "run", sandbox.name), { recursive: true });
    expect(await sandbox.end()).toMatchObject({ status: "unverified" });
  });

  test("a kill that hangs is followed by other routes", async () => {
    const sandbox = await provision(driver({ killHangs: true }), fakeSpec(cycle), options());
    expect(await sandbox.end()).toMatchObject({ status: "destroyed" });
    expect(alive()).toEqual([]);
  });
});

describe("sweeping after a crash", () => {
  const all = { clock: systemClock, scope: "all" as const };

  async function abandon(n: number): Promise<void> {
    await provision(driver(), fakeSpec(cycle, n), options());
  }

  test("destroys and certifies what the journal has open and what only the backend knows", async () => {
    await abandon(1);
    await driver().create(fakeSpec(cycle, 2), controller.signal);
    expect((await unknownOnes([driver()])).names).toEqual(
      expect.arrayContaining([fakeSpec(cycle, 1).name, fakeSpec(cycle, 2).name]),
    );
    await expect(refuseUnknownOnes([driver()])).rejects.toThrow(OperatorError);
    const report = await sweep({ ...all, drivers: [driver()], stateDir: state });
    expect(report.certificates.filter((c) => c.sandbox.includes(cycle))).toMatchObject([
      { status: "destroyed", role: "scratch" },
      { status: "destroyed" },
    ]);
    expect(alive()).toEqual([]);
    expect(openEntries(readJournal(state).entries)).toEqual([]);
  });

  test("touches only what the journal has when that is its scope", async () => {
    await abandon(1);
    await driver().create(fakeSpec(cycle, 2), controller.signal);
    await sweep({ ...all, scope: "journal", drivers: [driver()], stateDir: state });
    expect(alive()).toEqual([pids[1]]);
  });

  test("at a start takes a dead cycle's husk away, and leaves what lives for a person to see", async () => {
    const living = await driver().create(fakeSpec(cycle, 2), controller.signal);
    pids.push(living.pid);
    const husk = `wd-${newCycleId(systemClock)}-scratch-proof-A`;
    const destroyed: string[] = [];
    const listing = {
      ...driver(),
      list: () => Promise.resolve([living.name, ...(destroyed.includes(husk) ? [] : [husk])]),
      destroy: (name: string) => Promise.resolve(void destroyed.push(name)),
    };
    const report = await sweep({ ...all, scope: "start", drivers: [listing], stateDir: state });
    expect(destroyed).toEqual([husk]);
    expect(report.certificates).toMatchObject([{ sandbox: husk, status: "destroyed", role: "scratch" }]);
    await expect(refuseUnknownOnes([listing])).rejects.toThrow(living.name);
  });

  test("leaves a living cycle's sandboxes alone, but not the caller's own", async () => {
    await using watchdog = await startWatchdog({ stateDir: state, cycle });
    await abandon(1);
    const report = await sweep({ ...all, drivers: [driver()], stateDir: state });
    expect(report.kept).toContain(fakeSpec(cycle).name);
    expect(alive()).toHaveLength(1);
    expect(await watchdog.isAlive()).toBe(true);
    expect((await unknownOnes([driver()])).names).not.toContain(fakeSpec(cycle).name);
    await sweep({ ...all, drivers: [driver()], stateDir: state, cycle });
    expect(alive()).toEqual([]);
  });

  test("says what it could not do: a survivor, a silent backend, a backend that is gone, a line nobody can read", async () => {
    await provision(driver({ survives: true }), fakeSpec(cycle, 1), options());
    const survivor = await sweep({ ...all, drivers: [driver({ survives: true })], stateDir: state });
    expect(survivor.certificates.find((c) => c.sandbox === fakeSpec(cycle).name)).toMatchObject({
      status: "unverified",
    });
    const silent = await sweep({ ...all, drivers: [driver({ listFails: true })], stateDir: state });
    expect(silent.notSwept).toContainEqual({ what: "bubblewrap", reason: "the backend does not answer" });
    const at = systemClock.now().toISOString();
    appendEntry(state, {
      kind: "intent",
      cycle,
      name: `wd-${cycle}-lab-9`,
      driver: "docker-runc",
      hints: {},
      at,
      deadline: at,
    });
    writeFileSync(join(state, "journal.jsonl"), "{torn\n", { flag: "a" });
    const gone = await sweep({ ...all, drivers: [driver()], stateDir: state });
    expect(gone.notSwept).toContainEqual({
      what: `wd-${cycle}-lab-9`,
      reason: "its backend, docker-runc, is not there",
    });
    expect(gone.notSwept).toContainEqual({ what: "the journal", reason: "1 line that cannot be read" });
  });
});
