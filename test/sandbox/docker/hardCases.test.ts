import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { OperatorError } from "../../../src/base/errors.ts";
import { live, node, scratchSpec } from "../../../src/sandbox/contract/fixture.ts";
import { engineClient } from "../../../src/sandbox/docker/engine.ts";
import type { Driver, Sandbox } from "../../../src/sandbox/sandbox.ts";
import { scratchBroker } from "../../../src/sandbox/scratchBroker.ts";
import { type DockerBed, dockerBed } from "../../support/dockerBed.ts";
import { type Engine, startEngine } from "../../support/engine.ts";

const cycle = `hard${process.pid}`;
const signal = new AbortController().signal;

let engine: Engine;
let bed: DockerBed;
const fixture = () => ({ image: bed.image, signal, cycle });

beforeAll(async () => {
  engine = await startEngine();
  bed = await dockerBed(engine.socket);
});
afterAll(async () => {
  await engine.stop();
  bed.remove();
});

const make = async (driver: Driver): Promise<Sandbox> => {
  const sandbox = await driver.create(scratchSpec(fixture()), signal);
  await scratchBroker(sandbox.channel).hello;
  return sandbox;
};

async function expectDestroyed(driver: Driver, name: string): Promise<void> {
  const { looks, status } = await bed.certificate(driver, name);
  expect(looks.filter((look) => look.status !== "clean")).toEqual([]);
  expect(status).toBe("destroyed");
  expect(await driver.list()).toEqual([]);
}

describe.each(["runc", "runsc"])("with %s", (runtime) => {
  // Politely once will do: the engine's part in that is the same whatever the runtime.
  test.each(runtime === "runc" ? (["SIGTERM", "SIGKILL"] as const) : (["SIGKILL"] as const))(
    "an engine that is ended by %s and starts anew leaves a sandbox that is known to be over and can be swept",
    async (how) => {
      const driver = bed.driver(runtime);
      const sandbox = await make(driver);
      await engine.restart(how);
      sandbox.channel.destroy();
      await sandbox.exited;
      expect(await driver.list()).toEqual([sandbox.name]);
      await driver.destroy(sandbox.name);
      await expectDestroyed(driver, sandbox.name);
    },
  );

  test("one that was paused is ended within the bounds of one route", async () => {
    const driver = bed.driver(runtime);
    const sandbox = await make(driver);
    await engineClient(engine.socket).getContainer(sandbox.name).pause();
    const startMs = performance.now();
    await sandbox.kill();
    expect(performance.now() - startMs).toBeLessThan(6_000);
    await sandbox.exited;
    await expectDestroyed(driver, sandbox.name);
  });

  test("one that was removed behind our back is over, and killing it is no error", async () => {
    const driver = bed.driver(runtime);
    const sandbox = await make(driver);
    await engineClient(engine.socket).getContainer(sandbox.name).remove({ force: true });
    expect(await sandbox.exited).not.toMatchObject({ code: 0 });
    await sandbox.kill();
    await expectDestroyed(driver, sandbox.name);
  });

  test("one that eats more memory than it has dies of it, and leaves nothing", async () => {
    const limits = { memoryMiB: 192, cpus: 2, pids: 128 };
    await live(bed.driver(runtime), fixture(), { limits }, async ({ broker }) => {
      const greed = "const a = []; for (;;) a.push(Buffer.alloc(16 << 20, 1));";
      const ended = await node(broker, greed).then(
        ({ code, signal: by }) => by ?? code,
        () => "with the sandbox",
      );
      expect(["SIGKILL", 137, "with the sandbox"]).toContain(ended);
    });
  });
});

test("an image that was removed after it was seen is imported again", async () => {
  const driver = bed.driver("runc");
  const sandbox = await make(driver);
  const { Config } = await engineClient(engine.socket).getContainer(sandbox.name).inspect();
  await sandbox.kill();
  await engineClient(engine.socket).getImage(Config.Image).remove({ force: true });
  const again = await make(driver);
  expect((await engineClient(engine.socket).getContainer(again.name).inspect()).Config.Image).toBe(Config.Image);
  await again.kill();
  await expectDestroyed(driver, again.name);
});

describe("between us and the engine", () => {
  /** Hands on what both ends say, and cuts the connection once the engine has answered a request whose first line holds `cutAfter`. */
  let cutAfter: string | undefined;
  let cuts = 0;
  const proxy = createServer((near) => {
    const far = createConnection(engine.socket);
    let isDoomed = false;
    near.on("data", (chunk: Buffer) => {
      if (cutAfter !== undefined && chunk.subarray(0, 200).toString("latin1").includes(cutAfter)) isDoomed = true;
      far.write(chunk);
    });
    far.on("data", (chunk: Buffer) => {
      if (!isDoomed) return void near.write(chunk);
      cuts++;
      cutAfter = undefined;
      near.destroy();
    });
    near.on("end", () => far.end());
    far.on("end", () => near.end());
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  let socket: string;
  beforeAll(async () => {
    socket = join(bed.home, "between.sock");
    proxy.listen(socket);
    await once(proxy, "listening");
  });
  afterAll(() => void proxy.close());
  beforeEach(() => {
    cuts = 0;
  });

  test.each([
    ["create", "POST /containers/create"],
    ["attach", "/attach?"],
    ["start", "/start"],
    ["inspect", "/json HTTP"],
  ])("the reply to %s is lost: an error of one line, and nothing stays", async (_what, line) => {
    const driver = bed.driver("runc", socket);
    cutAfter = line;
    const spec = scratchSpec(fixture());
    await expect(driver.create(spec, signal)).rejects.toThrow(OperatorError);
    expect(cuts).toBe(1);
    cutAfter = undefined;
    await expectDestroyed(bed.driver("runc"), spec.name);
  });

  test("the engine that has a sandbox is asked for it, also when another one is in use by now", async () => {
    const sandbox = await make(bed.driver("runc"));
    const elsewhere = bed.driver("runc", join(bed.home, "another.sock"));
    await elsewhere.destroy(sandbox.name);
    const engines = (await elsewhere.look(sandbox.name)).filter(({ what }) => what === "the engine's containers");
    expect(engines).toMatchObject([{ status: "clean", evidence: "none of that name is listed" }]);
    await expectDestroyed(bed.driver("runc"), sandbox.name);
  });
});

test("the engine's disk has no byte of the channel", async () => {
  const sandbox = await make(bed.driver("runc"));
  const answer = await new Promise<number>((resolve, reject) => {
    const path = `/containers/${sandbox.name}/logs?stdout=1`;
    httpRequest({ socketPath: engine.socket, path }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once("error", reject)
      .end();
  });
  expect(answer).toBeGreaterThanOrEqual(400);
  await sandbox.kill();
});
