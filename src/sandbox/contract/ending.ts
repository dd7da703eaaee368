import { sleep } from "../../base/clock.ts";
import { HEARTBEAT_MS, HEARTBEATS_MISSED_MAX } from "../../guest/constants.ts";
import { isAlive, processId } from "../../stop/processes.ts";
import { serveChannel } from "../channel.ts";
import type { Driver, Sandbox } from "../sandbox.ts";
import { scratchBroker } from "../scratchBroker.ts";
import { Broken, type ContractCase, hold, holdClean, live, scratchSpec, shell } from "./fixture.ts";

/** It ends when it should, whoever asks, and nothing of it stays. That `live` leaves nothing is asked in every case. */
export const ENDING_CASES: readonly ContractCase[] = [
  {
    name: "kill ends everything inside, also what ignores signals and left its group, and kills only once",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ sandbox, broker }) => {
        await shell(broker, "setsid sh -c \"trap '' TERM INT HUP; while :; do sleep 0.05; done\" >/dev/null 2>&1 &");
        const id = processId(sandbox.pid);
        hold(id !== undefined && isAlive(id), `pid ${sandbox.pid} is not a living process of the host`);
        await Promise.all([sandbox.kill(), sandbox.kill()]);
        hold(id === undefined || !isAlive(id), `pid ${sandbox.pid} outlived the kill`);
        await within(2_000, sandbox.exited, "exited did not resolve after the kill");
      }),
  },
  {
    name: "what forks as fast as it can and ignores every signal dies with its sandbox",
    needs: ["limit pids"],
    run: (driver, fixture) =>
      live(driver, fixture, { limits: { memoryMiB: 512, cpus: 2, pids: 96 } }, async ({ sandbox, broker }) => {
        const bomb = "trap '' TERM INT HUP QUIT; b() { b & b & sleep 0.02; b; }; b";
        // Its answer never comes: there is no room left for a process that could give it.
        shell(broker, bomb).catch(() => undefined);
        await sleep(400);
        await within(5_000, sandbox.kill(), "the kill did not come back");
        await within(2_000, sandbox.exited, "it outlived the kill");
      }),
  },
  {
    // pid_namespaces(7): from inside, the first process gets no signal that it has no handler for, SIGKILL and SIGSTOP among them.
    name: "what runs inside cannot stop the process that ends it, and ends itself when it stops all others",
    needs: ["be process 1", "shield process 1 from inside"],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ sandbox, broker }) => {
        await shell(broker, "kill -STOP 1; kill -KILL 1");
        const { stdout } = await shell(broker, "echo still here");
        hold(stdout === "still here\n", "the first process does not answer any more");
        // There is nobody left to hand in its result.
        shell(broker, "kill -STOP -1").catch(() => undefined);
        await within(5_000, sandbox.exited, "it lives on though its shim is stopped");
      }),
  },
  {
    name: "the end of the channel ends the sandbox",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ sandbox, broker }) => {
        broker.destroy();
        await within(3_000, sandbox.exited, "it outlived its channel");
      }),
  },
  {
    name: "a heartbeat that nobody answers ends the sandbox",
    needs: [],
    run: async (driver, fixture) => {
      const spec = scratchSpec(fixture);
      const sandbox = await driver.create(spec, fixture.signal);
      const greeted = Promise.withResolvers<void>();
      const served = serveChannel(sandbox.channel, (stream, headers) => {
        stream.resume();
        if (headers[":path"] !== "/v1/hello") return;
        stream.respond({ ":status": 200 });
        stream.end("{}");
        greeted.resolve();
      });
      try {
        await within(HELLO_WITHIN_MS, greeted.promise, "no hello");
        await within((HEARTBEATS_MISSED_MAX + 3) * HEARTBEAT_MS, sandbox.exited, "it lives on with nobody there");
      } finally {
        served.destroy();
        await sandbox.kill();
      }
      await holdClean(driver, spec.name);
    },
  },
  {
    name: "the death of the process that made it ends it",
    needs: [],
    run: async (driver, fixture) => {
      const spec = scratchSpec(fixture);
      const owner = await fixture.owner(driver, spec);
      try {
        hold(!(await processesAreGone(driver, spec.name)), "there is nothing to be seen of it while it lives");
      } finally {
        owner.kill();
      }
      const endsAtMs = performance.now() + 3_000;
      while (!(await processesAreGone(driver, spec.name))) {
        hold(performance.now() < endsAtMs, "its processes live on 3 s after their owner's death");
        await sleep(30);
      }
      hold((await driver.list()).includes(spec.name), "what its owner left on disk is not listed");
      await driver.destroy(spec.name);
      await holdClean(driver, spec.name);
    },
  },
  {
    name: "a create that is aborted, at whatever moment, rejects with the reason and leaves nothing",
    needs: [],
    run: async (driver, fixture) => {
      for (const afterMs of [0, 10, 40, 90]) {
        const spec = scratchSpec(fixture);
        const abort = new AbortController();
        const reason = new Error("aborted by the contract");
        const timer = setTimeout(() => abort.abort(reason), afterMs);
        const outcome = await driver.create(spec, abort.signal).catch((error: unknown) => error);
        clearTimeout(timer);
        if (isSandbox(outcome)) await outcome.kill();
        else hold(outcome === reason, `after ${afterMs} ms it rejected with ${String(outcome)}`);
        await holdClean(driver, spec.name);
      }
      const spec = scratchSpec(fixture);
      const outcome = await driver.create(spec, AbortSignal.abort()).catch(() => "rejected");
      hold(outcome === "rejected", "a create whose signal was aborted before made a sandbox");
      await holdClean(driver, spec.name);
    },
  },
  {
    name: "a living one is found by list and destroyed by name, without its handle, and again without harm",
    needs: [],
    run: async (driver, fixture) => {
      const spec = scratchSpec(fixture);
      const sandbox = await driver.create(spec, fixture.signal);
      const broker = scratchBroker(sandbox.channel);
      await broker.hello;
      hold((await driver.list()).includes(spec.name), "it is not listed");
      await driver.destroy(spec.name);
      await within(2_000, sandbox.exited, "it outlived destroy");
      await holdClean(driver, spec.name);
      await driver.destroy(spec.name);
      await sandbox.kill();
      broker.destroy();
    },
  },
  {
    name: "a name in use is refused, and whoever has it lives on",
    needs: [],
    run: (driver, fixture) =>
      live(driver, fixture, {}, async ({ broker, spec }) => {
        const outcome = await driver.create(spec, fixture.signal).catch(() => "refused");
        hold(outcome === "refused", "two sandboxes have one name");
        const { stdout } = await shell(broker, "echo still here");
        hold(stdout === "still here\n", "the first one does not answer any more");
      }),
  },
];

/** An emulated machine on a busy host takes so long; whoever is faster does not wait. */
const HELLO_WITHIN_MS = 40_000;

function isSandbox(outcome: unknown): outcome is Sandbox {
  return typeof outcome === "object" && outcome !== null && "channel" in outcome;
}

async function processesAreGone(driver: Driver, name: string): Promise<boolean> {
  const looks = await driver.look(name);
  return looks.filter(({ what }) => what.includes("process")).every(({ status }) => status === "clean");
}

async function within<T>(limitMs: number, promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Broken(otherwise)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
