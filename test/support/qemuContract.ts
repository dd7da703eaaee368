import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { boots, CONTRACT, type ContractCase, type Fixture, unmetNeeds } from "../../src/sandbox/contract.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import { qemuDriver } from "../../src/sandbox/qemu/qemu.ts";

/** As root with control groups that can be written to, which is how the tests are run. */
const CANNOT = ["pass unix sockets in"];

const OWNER = resolve(import.meta.dirname, "sandboxOwner.ts");

/** Holds the qemu driver to those cases of the contract that `isAsked` names, each on machines of its own. */
export function holdQemuTo(isAsked: (one: ContractCase) => boolean): void {
  // An emulated machine boots in seconds; beside other tests, in many.
  vi.setConfig({ testTimeout: 150_000 });
  let home: string;
  let image: Image;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "wd-qemu-"));
    image = await prepareImage(join(home, "cache"));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  const driver = () => qemuDriver({ runDirectory: join(home ?? tmpdir(), "run") });

  test("its parts are here and answer", async () => {
    expect(await driver().check(AbortSignal.timeout(3_000))).toMatchObject({ status: "ready" });
  });

  test("what it cannot do is this and nothing else, each with its reason", () => {
    expect(driver().cannot.map(({ what }) => what)).toEqual(CANNOT);
    expect(driver().cannot.every(({ why }) => why.length > 0)).toBe(true);
  });

  test("it boots within a deadline, and a deadline that is too short is a failure that leaves nothing", async () => {
    const signal = new AbortController().signal;
    expect(await boots(driver(), { image, deadlineMs: 60_000, signal })).toMatchObject({ status: "booted" });
    expect(await boots(driver(), { image, deadlineMs: 10, signal })).toMatchObject({ status: "failed" });
    expect((await driver().list()).filter((name) => name.startsWith(`wd-boots${process.pid}x`))).toEqual([]);
  });

  const cases = CONTRACT.filter((one) => unmetNeeds(driver(), one).length === 0).filter(isAsked);
  test.each(cases)("$name", async (one) => {
    await expect(one.run(driver(), fixture())).resolves.toBeUndefined();
  });

  function fixture(): Fixture {
    return {
      image,
      signal: new AbortController().signal,
      cycle: `contract${process.pid}`,
      async owner({ kind }, spec) {
        const order = JSON.stringify({ kind, runDirectory: join(home, "run"), spec });
        const child = spawn(process.execPath, [OWNER, order], { stdio: ["ignore", "pipe", "inherit"] });
        const [said] = (await Promise.race([once(child.stdout, "data"), once(child, "exit")])) as unknown[];
        if (String(said) !== "ready\n") throw new Error(`the owner made no sandbox: ${String(said)}`);
        return { kill: () => void child.kill("SIGKILL") };
      },
    };
  }
}
