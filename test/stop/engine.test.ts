import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { drivers, withEnginesOf } from "../../src/sandbox/all.ts";
import type { Certificate } from "../../src/sandbox/certificate.ts";
import { scratchSpec } from "../../src/sandbox/contract/fixture.ts";
import { containerProcesses } from "../../src/sandbox/docker/dockerLooks.ts";
import { engineClient } from "../../src/sandbox/docker/engine.ts";
import { type Provisioned, provision, runDirectoryOf } from "../../src/sandbox/provision.ts";
import type { Driver } from "../../src/sandbox/sandbox.ts";
import { scratchBroker } from "../../src/sandbox/scratchBroker.ts";
import { sweep } from "../../src/sandbox/sweep.ts";
import { destroyAll } from "../../src/stop/destroyAll.ts";
import { appendEntry, openEntries, readJournal } from "../../src/stop/journal.ts";
import { findProcesses } from "../../src/stop/processes.ts";
import { type DockerBed, dockerBed } from "../support/dockerBed.ts";
import { type Engine, startEngine } from "../support/engine.ts";
import { weakdoor } from "../support/weakdoor.ts";

/** The kill switch where the engine is frozen, dead, or hangs over what it was asked for. */
let engine: Engine;
let bed: DockerBed;
let state: string;
let certificates: Certificate[];
let script: string;

beforeAll(async () => {
  script = mkdtempSync(join(tmpdir(), "wd-hang-"));
  const path = join(script, "hangs");
  // As gVisor does at times: its create never comes back.
  const lines = ["#!/bin/sh", 'case " $* " in *" create "*) read -r _ <"$0.fifo" ;; esac', 'exec runc "$@"', ""];
  writeFileSync(path, lines.join("\n"));
  if (spawnSync("mkfifo", [`${path}.fifo`]).status !== 0) throw new Error("mkfifo");
  chmodSync(path, 0o755);
  engine = await startEngine({ hangs: { path } });
  bed = await dockerBed(engine.socket);
});
afterAll(async () => {
  await engine.stop();
  bed.remove();
  rmSync(script, { recursive: true });
});
beforeEach(() => {
  state = mkdtempSync(join(bed.home, "s-"));
  certificates = [];
});

const signal = new AbortController().signal;

async function make(driver: Driver, createTimeoutMs = 20_000): Promise<Provisioned> {
  const sandbox = await provision(
    driver,
    scratchSpec({ image: bed.image, cycle: `engine${process.pid}x${randomInt(1_000_000_000)}`, signal }),
    {
      stateDir: state,
      clock: systemClock,
      signal,
      watchdog: { isAlive: () => true },
      onCertificate: (certificate) => certificates.push(certificate),
      createTimeoutMs,
    },
  );
  await scratchBroker(sandbox.channel).hello;
  return sandbox;
}

const open = () => openEntries(readJournal(state).entries);
const guests = ({ hints }: Provisioned) =>
  containerProcesses(hints?.commandLine ?? "none").filter((p) => !p.commandLine.includes("containerd-shim"));
const sweepNow = (driver: Driver) =>
  sweep({ drivers: [driver], stateDir: state, clock: systemClock, scope: "killed" });

describe.each(["runc", "runsc"])("with %s", (runtime) => {
  test("while the engine is frozen the watchdog's routes kill, and say that nobody could ask the engine", async () => {
    const driver = bed.driver(runtime);
    const sandbox = await make(driver);
    expect(guests(sandbox).length).toBeGreaterThan(0);
    process.kill(engine.pid, "SIGSTOP");
    try {
      const destroying = destroyAll(() => ({ cycle: "none", gateways: [], open: open() }));
      await expect.poll(() => guests(sandbox), { interval: 5, timeout: 3_000 }).toEqual([]);
      expect(await destroying).toMatchObject({ isComplete: false, sandboxes: [{ status: "not-looked" }] });
    } finally {
      process.kill(engine.pid, "SIGCONT");
    }
    const { certificates: swept } = await sweepNow(driver);
    expect(swept).toMatchObject([{ sandbox: sandbox.name, status: "destroyed" }]);
    expect(open()).toEqual([]);
  });

  test("a dead engine's sandbox dies, is unverified, and is certified once there is an engine to ask", async () => {
    const driver = bed.driver(runtime);
    const sandbox = await make(driver);
    process.kill(engine.pid, "SIGKILL");
    const certificate = await sandbox.end();
    expect(guests(sandbox)).toEqual([]);
    expect(certificate.status).toBe("unverified");
    expect(certificate.looks.filter(({ status }) => status === "not-looked").map(({ what }) => what)).toContain(
      "the engine's containers",
    );
    await engine.restart("SIGKILL");
    expect((await sweepNow(driver)).certificates).toMatchObject([{ sandbox: sandbox.name, status: "destroyed" }]);
    expect(open()).toEqual([]);
  });

  test("a paused one is killed, and certified", async () => {
    const sandbox = await make(bed.driver(runtime));
    await engineClient(engine.socket).getContainer(sandbox.name).pause();
    expect((await sandbox.end()).status).toBe("destroyed");
    expect(open()).toEqual([]);
  });
});

test("weakdoor kill asks the engine that the journal names, whatever the configuration says, and proves the end", async () => {
  const found = drivers({ runDirectory: runDirectoryOf(state), dockerSocket: engine.socket });
  const driver = found.find(({ kind }) => kind === "docker-runc");
  if (driver === undefined) throw new Error("no driver");
  const sandbox = await make(driver);
  const config = join(state, "weakdoor.yaml");
  writeFileSync(config, "version: [not a configuration");
  const killed = await weakdoor("kill", "--reason", "drill", "--state", state, "--config", config);
  expect(killed, killed.err).toMatchObject({ code: 0 });
  expect(killed.err).toContain("those of the journal are asked");
  expect(guests(sandbox)).toEqual([]);
  expect(open()).toEqual([]);
  const [dead] = readJournal(state).entries.filter(({ kind }) => kind === "dead");
  expect(dead).toMatchObject({ name: sandbox.name, certificate: "destroyed" });
});

test("what stands at an engine that does not answer any more is nobody else's to call gone", async () => {
  const gone = join(state, "gone.sock");
  const intent = {
    kind: "intent" as const,
    cycle: "c20260101-000000-abcdef",
    name: "wd-c20260101-000000-abcdef-lab-1",
    driver: "docker-runc",
    hints: { engineSocket: gone },
    at: new Date().toISOString(),
    deadline: new Date().toISOString(),
  };
  appendEntry(state, intent);
  const here = drivers({ runDirectory: runDirectoryOf(state), dockerSocket: engine.socket });
  const asked = await withEnginesOf(open(), here, runDirectoryOf(state), signal);
  expect(asked).toHaveLength(here.length);
  const report = await sweep({ drivers: asked.slice(0, 3), stateDir: state, clock: systemClock, scope: "killed" });
  expect(report).toMatchObject({
    certificates: [],
    notSwept: [{ what: intent.name, reason: expect.stringContaining("is not there") as string }],
  });
  expect(open()).toHaveLength(1);
});

test("a create that hangs in the runtime is given up, and nothing of it stays", async () => {
  const driver = bed.driver("hangs");
  await expect(make(driver, 2_000)).rejects.toThrow(/did not start .* in time/);
  await expect.poll(() => findProcesses((p) => p.commandLine.includes(script))).toEqual([]);
  expect(certificates).toMatchObject([{ status: "destroyed" }]);
  expect(await driver.list()).toEqual([]);
  expect(open()).toEqual([]);
});
