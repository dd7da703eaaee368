import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OperatorError } from "../../../src/base/errors.ts";
import { live, scratchSpec, shell } from "../../../src/sandbox/contract/fixture.ts";
import { CONTRACT, unmetNeeds } from "../../../src/sandbox/contract.ts";
import { mountPoints } from "../../../src/sandbox/docker/mountNamespace.ts";
import { readRecord } from "../../../src/sandbox/docker/record.ts";
import { killProcess, processId } from "../../../src/stop/processes.ts";
import { type DockerBed, dockerBed } from "../../support/dockerBed.ts";
import { type RootlessEngine, startRootlessEngine } from "../../support/rootlessEngine.ts";

const cycle = `rootless${process.pid}`;
const signal = new AbortController().signal;

let engine: RootlessEngine;
let bed: DockerBed;
const fixture = () => ({
  image: bed.image,
  signal,
  cycle,
  owner: () => Promise.reject(new Error("no case that is run here has another process own a sandbox")),
});

beforeAll(async () => {
  engine = await startRootlessEngine();
  bed = await dockerBed(engine.socket);
});
afterAll(async () => {
  await engine.stop();
  bed.remove();
});

test("the engine says that it has no root, and what it cannot limit for want of control groups", async () => {
  expect(bed.facts.isRootless).toBe(true);
  expect(await bed.driver("runc").check(signal)).toMatchObject({
    status: "ready",
    version: expect.stringContaining("without root") as string,
  });
  const limits = bed.driver("runc").cannot.map(({ what }) => what);
  expect(limits).toEqual(["limit memory", "limit cpus", "limit pids"]);
  expect(bed.driver("runc").cannot[0]?.why).toContain("runs without root");
});

/** The rest of the contract says nothing about an engine that the one with root does not say, too. */
const CASES = [
  "the guest says hello with its Node's version, and a task's output and code come back",
  "a directory and a file are mounted read-only, and a bounded tmpfs, at paths the image does not have",
  "what is written to a writable mount is seen on the host",
  "there is no interface but lo, no route out, and no name is resolved",
  "no capability is left in the bounding set",
  "no capability is left to the first process in any set",
  "no new privileges can be gained",
  "kill ends everything inside, also what ignores signals and left its group, and kills only once",
  "the end of the channel ends the sandbox",
  "a create that is aborted, at whatever moment, rejects with the reason and leaves nothing",
  "a living one is found by list and destroyed by name, without its handle, and again without harm",
  "a name in use is refused, and whoever has it lives on",
];

/** gVisor's own part is the same: that it starts, is ended, and leaves nothing. */
const CASES_OF_GVISOR = CASES.filter((name) =>
  /says hello|to the first process|kill ends|destroyed by name/.test(name),
);

describe.each([
  ["runc", CASES],
  ["runsc", CASES_OF_GVISOR],
])("with %s", (runtime, cases) => {
  test.each(cases)("%s", async (name) => {
    const one = CONTRACT.find((candidate) => candidate.name === name);
    if (one === undefined) throw new Error(`the contract has no such case: ${name}`);
    expect(unmetNeeds(bed.driver(runtime), one)).toEqual([]);
    await one.run(bed.driver(runtime), fixture());
  });
});

test("root inside is the engine's user outside, and a guest's user one of its subordinate ids", async () => {
  const directory = join(bed.home, "owned");
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  const mounts = [{ kind: "bind", source: directory, path: "/srv/rw", mode: "rw" }] as const;
  const owners = async (uid: number) => {
    await live(bed.driver("runc"), fixture(), { mounts, uid, gid: uid }, async ({ broker }) => {
      await shell(broker, `touch /srv/rw/of-${uid}`);
    });
    return statSync(join(directory, `of-${uid}`)).uid;
  };
  expect(await owners(0)).toBe(engine.uid);
  expect(await owners(1_000)).toBeGreaterThan(engine.uid);
});

test("its containers' network namespaces and mounts are looked at where the engine has them", async () => {
  const driver = bed.driver("runc");
  const sandbox = await driver.create(scratchSpec(fixture()), signal);
  const record = readRecord(join(bed.home, "run"), sandbox.name);
  expect(record?.mountNamespace).toMatch(/^mnt:\[\d+\]$/);
  const netns = record?.netns?.replace(/^\/var\/run\//, "/run/") ?? "none";
  expect(mountPoints(undefined)).not.toContain(netns);
  expect(mountPoints(record?.mountNamespace)).toContain(netns);
  const left = (await driver.look(sandbox.name)).filter(({ status }) => status === "left").map(({ what }) => what);
  expect(left).toEqual(
    expect.arrayContaining([
      "first process, and with it its process namespace",
      "network namespace",
      "the engine's containers",
    ]),
  );
  await sandbox.kill();
  const certificate = await bed.certificate(driver, sandbox.name);
  expect(certificate.looks.filter(({ status }) => status !== "clean")).toEqual([]);
});

test("without a mark of a control group it is killed from the host all the same, and all inside dies with it", async () => {
  const driver = bed.driver("runc");
  const sandbox = await driver.create(scratchSpec(fixture()), signal);
  const cgroup = readFileSync(`/proc/${sandbox.pid}/cgroup`, "utf8");
  expect(cgroup).not.toContain(sandbox.hints?.commandLine);
  const first = processId(sandbox.pid);
  if (first === undefined) throw new Error("it has no first process");
  expect(killProcess(first)).toBe("signalled");
  await sandbox.exited;
  await driver.destroy(sandbox.name);
  expect((await bed.certificate(driver, sandbox.name)).status).toBe("destroyed");
});

test("what the engine's user may not read is refused with what to do", async () => {
  const closed = join(bed.home, "closed");
  mkdirSync(join(closed, "in"), { recursive: true });
  chownSync(closed, 0, 0);
  chmodSync(closed, 0o700);
  const mounts = [{ kind: "bind", source: join(closed, "in"), path: "/srv/in", mode: "ro" }] as const;
  const refused = bed.driver("runc").create(scratchSpec(fixture(), { mounts }), signal);
  await expect(refused).rejects.toThrow(OperatorError);
  await expect(refused).rejects.toMatchObject({
    hint: expect.stringContaining("run weakdoor as that user") as string,
  });
});
