import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { startSink } from "../../../src/probe/internet/sink.ts";
import { type ProvisionOptions, provision } from "../../../src/sandbox/provision.ts";
import { destroyAll } from "../../../src/stop/destroyAll.ts";
import { openEntries, readJournal } from "../../../src/stop/journal.ts";
import { netnsHolders, netnsOf } from "../../../src/stop/netns.ts";
import { isAlive, killProcess, processId } from "../../../src/stop/processes.ts";
import type { ProcessId } from "../../../src/stop/stop.ts";
import { fakeDriver, fakeSpec } from "../../support/fakeDriver.ts";

let state: string;
let cycle: string;
let started: ProcessId[];
let controller: AbortController;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "wd-sink-"));
  cycle = `sink${process.pid}`;
  started = [];
  controller = new AbortController();
});
afterEach(() => {
  for (const one of started) killProcess(one);
  rmSync(state, { recursive: true, force: true });
});

async function sinkOf(name: string) {
  const sink = await startSink(name);
  started.push(sink.process);
  return sink;
}

const options = (): ProvisionOptions => ({
  stateDir: state,
  clock: systemClock,
  signal: controller.signal,
  watchdog: { isAlive: () => true },
  onCertificate: () => undefined,
});
const sandboxOf = () =>
  provision(
    fakeDriver(cycle, {}, () => undefined),
    fakeSpec(cycle),
    options(),
  );

test("a sink stands in a namespace of its own, and dies with the process that started it", async () => {
  const program = new URL("../../support/sinkOwner.ts", import.meta.url).pathname;
  const owner = spawn(process.execPath, [program, `wd-${cycle}-target-1`], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = (await once(owner.stdout, "data")) as [Buffer];
  const sink = processId(Number(said.toString()));
  if (sink === undefined) throw new Error(`no such process: ${said.toString()}`);
  started.push(sink);
  const netns = netnsOf(sink.pid);
  expect(netns).toBeDefined();
  owner.kill("SIGKILL");
  await expect.poll(() => isAlive(sink), { timeout: 20_000 }).toBe(false);
  expect(netnsHolders(netns ?? "", new Date()).held).toEqual([]);
});

test("it is in the journal with its namespace, ends with the sandbox, and the certificate has looked for both", async () => {
  const sandbox = await sandboxOf();
  const sink = await sinkOf(sandbox.name);
  const netns = netnsOf(sink.process.pid);
  sandbox.adopt(sink.process);
  const [entry] = openEntries(readJournal(state).entries);
  expect(entry?.processes).toContainEqual(sink.process);
  expect(entry?.processes.length).toBeGreaterThan(1);
  expect(entry?.hints.netns).toContain(netns);
  const certificate = await sandbox.end();
  expect(certificate.status).toBe("destroyed");
  expect(isAlive(sink.process)).toBe(false);
  const look = certificate.looks.find(({ what }) => what === "network namespaces");
  expect(look).toMatchObject({ status: "clean", evidence: expect.stringContaining(`net:[${netns}]`) });
});

test("one that comes when the sandbox is ending already is ended at once", async () => {
  const sandbox = await sandboxOf();
  const sink = await sinkOf(sandbox.name);
  await sandbox.end();
  const late = await sinkOf(sandbox.name);
  sandbox.adopt(late.process);
  await expect.poll(() => [sink, late].map((one) => isAlive(one.process))).toEqual([false, false]);
});

test("the watchdog finds it by the sandbox's name, also when it was never written down", async () => {
  const sandbox = await sandboxOf();
  const sink = await sinkOf(sandbox.name);
  const open = openEntries(readJournal(state).entries);
  const { isComplete } = await destroyAll(() => ({ cycle, gateways: [], open }));
  expect(isComplete).toBe(true);
  expect(isAlive(sink.process)).toBe(false);
  await sandbox.end();
});

test("one that ended is said to have ended, and ending it twice is once", async () => {
  const sink = await sinkOf(`wd-${cycle}-target-2`);
  await sink.end();
  await sink.end();
  await expect(sink.told()).rejects.toThrow("the sink has ended");
  await expect(sink.listen({ tcp: [], udp: [], metadata: [], isSigning: false })).rejects.toThrow(
    "the sink has ended",
  );
});

test("what it cannot listen on is said, and not taken for a silence", async () => {
  const sink = await sinkOf(`wd-${cycle}-target-3`);
  await expect(
    sink.listen({ tcp: [], udp: [{ host: "2001:db8::99", port: 53 }], metadata: [], isSigning: false }),
  ).rejects.toThrow(/cannot listen.*EADDRNOTAVAIL/);
  await sink.end();
});
