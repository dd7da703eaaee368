import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { firstThrown, OperatorError } from "../../../src/base/errors.ts";
import type { Certificate } from "../../../src/sandbox/certificate.ts";
import { scratchSpec, shell } from "../../../src/sandbox/contract/fixture.ts";
import type { E2bOptions } from "../../../src/sandbox/e2b/e2b.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { type Provisioned, provision, Unverified } from "../../../src/sandbox/provision.ts";
import type { SandboxSpec } from "../../../src/sandbox/sandbox.ts";
import { scratchBroker } from "../../../src/sandbox/scratchBroker.ts";
import { type FakeE2b, startFakeE2b } from "../../support/e2b/fakeE2b.ts";
import { noFaults } from "../../support/e2b/faults.ts";
import { driverFor, furnishedTemplate } from "../../support/e2b/fixture.ts";

/** What the service does wrong must end in no survivor over there, and in a certificate that says no more than was seen. */
let root: string;
let home: string;
let image: Image;
let fake: FakeE2b;
const signal = new AbortController().signal;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "wd-e2bf-"));
  image = await prepareImage(join(root, "cache"));
  fake = await startFakeE2b();
  furnishedTemplate(fake, image);
});
afterAll(async () => {
  await fake.stop();
  rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  home = mkdtempSync(join(root, "h-"));
  mkdirSync(join(home, "run"));
  Object.assign(fake.faults, noFaults());
  fake.calls.length = 0;
});
afterEach(() => {
  Object.assign(fake.faults, noFaults());
});

type Outcome = { made: Provisioned } | { error: unknown };

let certificates: Certificate[];
async function make(changes: Partial<E2bOptions> = {}, spec: Partial<SandboxSpec> = {}): Promise<Outcome> {
  certificates = [];
  const options = {
    stateDir: home,
    clock: systemClock,
    signal,
    watchdog: { isAlive: () => true },
    onCertificate: (certificate: Certificate) => void certificates.push(certificate),
  };
  const wanted = scratchSpec({ image, signal, cycle: "faults" }, spec);
  try {
    return { made: await provision(driverFor(fake, home, changes), wanted, options) };
  } catch (error) {
    return { error };
  }
}

async function made(changes?: Partial<E2bOptions>): Promise<Provisioned> {
  const outcome = await make(changes);
  if ("error" in outcome) throw outcome.error;
  return outcome.made;
}

const survivors = () => fake.living().map(({ id }) => id);
const noSurvivor = () => expect.poll(survivors, { timeout: 5_000 }).toEqual([]);
const rows = (certificate: Certificate | undefined, status: string) =>
  certificate?.looks.filter((look) => look.status === status).map(({ what }) => what);

describe("a create", () => {
  test("whose reply is lost is an error, and its machine is found by its marks and killed", async () => {
    fake.faults.loseCreateReply = 1;
    const outcome = await make();
    expect("error" in outcome && outcome.error).toBeInstanceOf(OperatorError);
    await noSurvivor();
    expect(certificates).toMatchObject([{ status: "destroyed" }]);
  });

  test("whose reply is lost and whose machine is late in the list is found by the second listing", async () => {
    Object.assign(fake.faults, { loseCreateReply: 1, listLagMs: 700 });
    await make({ listApartMs: 1_500 });
    await noSurvivor();
    expect(certificates).toMatchObject([{ status: "destroyed" }]);
  });

  test("whose reply is lost and whose machine shows itself nowhere is not certified until its lease is over", async () => {
    Object.assign(fake.faults, { loseCreateReply: 1, listLagMs: 60_000 });
    const outcome = await make({ leaseMs: 2_000 });
    expect("error" in outcome && outcome.error).toBeInstanceOf(Unverified);
    expect(rows(certificates[0], "not-looked")).toEqual(["E2B's answer to the create"]);
    await expect.poll(survivors, { timeout: 10_000 }).toEqual([]);
  });

  test("that is carried out twice leaves neither machine", async () => {
    fake.faults.duplicateCreate = 1;
    const sandbox = await made();
    expect(survivors()).toHaveLength(2);
    expect((await sandbox.end()).status).toBe("destroyed");
    await noSurvivor();
  });

  test("whose reply lacks a version, over which E2B's client stumbles, leaves no orphan", async () => {
    fake.faults.createWithoutVersion = 1;
    const outcome = await make();
    expect("error" in outcome && outcome.error).toBeInstanceOf(OperatorError);
    await noSurvivor();
    expect(certificates).toMatchObject([{ status: "destroyed" }]);
  });

  test("that is told to come back later comes back later", async () => {
    Object.assign(fake.faults, { tooManyRequests: 1, retryAfterSeconds: 1 });
    const sandbox = await made();
    expect((await sandbox.end()).status).toBe("destroyed");
    await noSurvivor();
  });

  test("that is refused is an error with a hint, and nothing was made", async () => {
    fake.faults.tooManyRequests = 1;
    const outcome = await make();
    expect("error" in outcome && outcome.error).toMatchObject({
      message: /Rate limit/,
      hint: /limits of the account/,
    });
    expect(certificates).toMatchObject([{ status: "destroyed" }]);
    expect(survivors()).toEqual([]);
  });

  test("of a template that is not there is an error, and nothing was made", async () => {
    const outcome = await make({ template: "none" });
    expect("error" in outcome && outcome.error).toMatchObject({ message: /template not found/ });
    expect(certificates).toMatchObject([{ status: "destroyed" }]);
  });

  test("with a socket among what is mounted is refused, for a copy of one is none", async () => {
    const path = join(home, "s");
    const server = createServer().listen(path);
    for (const source of [path, home]) {
      const mounts = [{ kind: "bind", source, path: "/given", mode: "ro" }] as const;
      const outcome = await make({}, { mounts });
      expect("error" in outcome && firstThrown(outcome.error)).toMatchObject({ message: /is a socket/ });
    }
    server.close();
    await noSurvivor();
  });
});

describe("a living one", () => {
  test("whose stream breaks off is over, and its machine is killed though nobody asked", async () => {
    const sandbox = await made();
    const broker = scratchBroker(sandbox.channel);
    await broker.hello;
    Object.assign(fake.faults, { streamBreaksAfterBytes: 1, streamEnd: "cut within a frame" });
    await sandbox.exited;
    expect(sandbox.stderrTail()).toMatch(/within a frame/);
    await noSurvivor();
    expect((await sandbox.end()).status).toBe("destroyed");
  });

  test("whose input is answered 502 is over, and its machine is killed", async () => {
    const sandbox = await made();
    const broker = scratchBroker(sandbox.channel);
    await broker.hello;
    fake.faults.sendInputFails = 1_000;
    await sandbox.exited;
    expect(sandbox.stderrTail()).toMatch(/502/);
    await noSurvivor();
    expect((await sandbox.end()).status).toBe("destroyed");
  });

  test("works over a slow line", async () => {
    fake.faults.sendInputDelayMs = 60;
    const sandbox = await made();
    const broker = scratchBroker(sandbox.channel);
    await broker.hello;
    expect((await shell(broker, "echo slowly")).stdout).toBe("slowly\n");
    broker.destroy();
    expect((await sandbox.end()).status).toBe("destroyed");
    await noSurvivor();
  });

  test("is judged by no clock of the service's", async () => {
    fake.faults.clockSkewMs = -3_600_000;
    const sandbox = await made();
    const broker = scratchBroker(sandbox.channel);
    await broker.hello;
    expect(await driverFor(fake, home).list()).toEqual([sandbox.name]);
    expect((await shell(broker, "echo here")).stdout).toBe("here\n");
    broker.destroy();
    expect((await sandbox.end()).status).toBe("destroyed");
    await noSurvivor();
  });
});

describe("an end", () => {
  test("that fails three times is tried a fourth time", async () => {
    const sandbox = await made();
    fake.faults.deleteFails = 3;
    expect((await sandbox.end()).status).toBe("destroyed");
    await noSurvivor();
    expect(fake.calls.filter((call) => call.startsWith("DELETE")).length).toBeGreaterThanOrEqual(4);
  });

  test("that fails for good is certified by nobody, and the lease ends what it could not", async () => {
    const sandbox = await made({ leaseMs: 12_000 });
    fake.faults.deleteFails = 1_000;
    const certificate = await sandbox.end();
    expect(certificate.status).toBe("unverified");
    expect(rows(certificate, "left")).toContain("E2B's list");
    await expect.poll(survivors, { timeout: 20_000 }).toEqual([]);
  });

  test("of one that the list does not show goes by its id, and is looked at by it", async () => {
    fake.faults.listLagMs = 60_000;
    const sandbox = await made();
    const [id] = survivors();
    const certificate = await sandbox.end();
    expect(certificate.status).toBe("destroyed");
    expect(rows(certificate, "clean")).toContain(`E2B's machine ${id}`);
    await noSurvivor();
  });

  test("while the list does not come is no end that anybody saw", async () => {
    const sandbox = await made();
    fake.faults.listFails = 1_000;
    const certificate = await sandbox.end();
    expect(certificate.status).toBe("unverified");
    expect(rows(certificate, "not-looked")).toEqual(["E2B's list"]);
    // Its id was known, so it is dead all the same; nobody could see that there was no other.
    await noSurvivor();
  });

  test("that is told to come back later comes back", async () => {
    const sandbox = await made();
    fake.faults.tooManyRequests = 3;
    expect((await sandbox.end()).status).toBe("destroyed");
    await noSurvivor();
  });
});
