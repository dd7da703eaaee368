import { setTimeout as sleep } from "node:timers/promises";
import { exec } from "../../../src/base/exec.ts";
import type { Driver, Sandbox } from "../../../src/sandbox/sandbox.ts";
import { scratchBroker } from "../../../src/sandbox/scratchBroker.ts";
import { isAlive, killProcess } from "../../../src/stop/processes.ts";
import type { Bed } from "../bed.ts";
import { milliseconds } from "../figure.ts";
import { makeEach, processesOf } from "./crowd.ts";

/**
 * As many sandboxes of the same backend ended by hand: by `docker rm -f` of their names, until it returns, where there is
 * an engine; else by SIGKILL to each first process, until none that descends from it is there.
 */
export async function bareKillMs(driver: Driver, size: number, bed: Bed): Promise<number> {
  const sandboxes: Sandbox[] = [];
  try {
    await makeEach(size, async () => {
      const sandbox = await driver.create(bed.spec(), bed.signal);
      sandboxes.push(sandbox);
      const broker = scratchBroker(sandbox.channel);
      await broker.hello;
      // Ignores what a polite stop would send; its result never comes.
      broker.run(STUBBORN).catch(() => undefined);
    });
    if (driver.kind.startsWith("docker-")) return await removeMs(sandboxes, (await bed.engine()).socket);
    const processes = sandboxes.flatMap(({ pid }) => processesOf(pid));
    return await milliseconds(async () => {
      for (const one of processes) killProcess(one);
      while (processes.some(isAlive)) await sleep(1);
    });
  } finally {
    await Promise.all(sandboxes.map((sandbox) => sandbox.kill()));
  }
}

function removeMs(sandboxes: readonly Sandbox[], socket: string): Promise<number> {
  return milliseconds(async () => {
    const names = sandboxes.map(({ name }) => name);
    const { code, stderr } = await exec(["docker", "--host", `unix://${socket}`, "rm", "--force", ...names]);
    if (code !== 0) throw new Error(`docker rm: ${stderr}`);
  });
}

const STUBBORN = {
  run: { argv: ["/bin/sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done"] as [string, ...string[]] },
  env: { PATH: "/bin:/usr/bin" },
  cwd: "/",
  stdin: "",
  timeoutMs: 300_000,
  outputBytesMax: 1_024,
};
