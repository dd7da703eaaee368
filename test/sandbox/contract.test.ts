import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drivers } from "../../src/sandbox/all.ts";
import { boots, CONTRACT, type Fixture, unmetNeeds } from "../../src/sandbox/contract.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import type { Driver, DriverKind } from "../../src/sandbox/sandbox.ts";

/** The backends that need no daemon; the others run the same contract where an engine is started for them. */
const KINDS: readonly DriverKind[] = ["bubblewrap", "srt", "runsc"];

/** As root with control groups that can be written to, which is how the tests are run. */
const CANNOT: Partial<Record<DriverKind, string[]>> = {
  bubblewrap: ["allow new privileges"],
  srt: [
    "allow new privileges",
    "be root of what is mounted",
    "empty the bounding set",
    "keep capabilities",
    "leave system calls unfiltered",
    "open unix sockets",
    "be process 1",
  ],
  runsc: [
    "show no_new_privs",
    "filter system calls inside",
    "shield process 1 from inside",
    "limit pids",
    "pass unix sockets in",
  ],
};

let root: string;
let image: Image;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "wd-contract-"));
  image = await prepareImage(join(root, "cache"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.each(KINDS)("%s", (kind) => {
  test("its tool is here and answers", async () => {
    expect(await driverOf(kind).check(AbortSignal.timeout(3_000))).toMatchObject({ status: "ready" });
  });

  test("what it cannot do is this and nothing else, each with its reason", () => {
    const { cannot } = driverOf(kind);
    expect(cannot.map(({ what }) => what).toSorted()).toEqual(CANNOT[kind]?.toSorted());
    expect(cannot.every(({ why }) => why.length > 0)).toBe(true);
  });

  test("it boots within a deadline, and a deadline that is too short is a failure that leaves nothing", async () => {
    const signal = new AbortController().signal;
    const driver = driverOf(kind);
    expect(await boots(driver, { image, deadlineMs: 20_000, signal })).toMatchObject({ status: "booted" });
    expect(await boots(driver, { image, deadlineMs: 10, signal })).toMatchObject({ status: "failed" });
    expect((await driver.list()).filter((name) => name.startsWith(`wd-boots${process.pid}x`))).toEqual([]);
  });

  const cases = CONTRACT.filter((one) => unmetNeeds(driverOf(kind), one).length === 0);
  test.each(cases)("$name", async (one) => {
    await expect(one.run(driverOf(kind), fixtureOf(kind))).resolves.toBeUndefined();
  });
});

test("only these may a backend lack, here or without root, and still be one", () => {
  expect(new Set(CONTRACT.flatMap(({ needs }) => needs))).toEqual(
    new Set([
      "show no_new_privs",
      "filter system calls inside",
      "shield process 1 from inside",
      "limit memory",
      "limit pids",
      "write to mounts as any user",
      "empty the bounding set",
      "open unix sockets",
      "be process 1",
    ]),
  );
});

function driverOf(kind: DriverKind): Driver {
  const driver = drivers({ runDirectory: runDirectoryOf(kind) }).find((one) => one.kind === kind);
  if (driver === undefined) throw new Error(`no driver ${kind}`);
  return driver;
}

function runDirectoryOf(kind: DriverKind): string {
  return join(root ?? tmpdir(), `run-${kind}`);
}

function fixtureOf(kind: DriverKind): Fixture {
  return {
    image,
    signal: new AbortController().signal,
    cycle: `contract${process.pid}`,
    async owner(_driver, spec) {
      const order = JSON.stringify({ kind, runDirectory: runDirectoryOf(kind), spec: { ...spec, name: spec.name } });
      const program = join(import.meta.dirname, "../support/sandboxOwner.ts");
      const child = spawn(process.execPath, [program, order], { stdio: ["ignore", "pipe", "inherit"] });
      const [said] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
      if (String(said) !== "ready\n") throw new Error(`the owner made no sandbox: ${String(said)}`);
      return { kill: () => void child.kill("SIGKILL") };
    },
  };
}
