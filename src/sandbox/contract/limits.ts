import { type ContractCase, hold, live, node, shell } from "./fixture.ts";

/** What it may use up. A sandbox that dies of its own greed keeps the promise; the host that feels it does not. */
export const LIMIT_CASES: readonly ContractCase[] = [
  {
    name: "more memory than it was given cannot be used",
    needs: ["limit memory"],
    run: (driver, fixture) =>
      live(driver, fixture, { limits: { memoryMiB: 256, cpus: 2, pids: 128 } }, async ({ broker }) => {
        const greed = node(
          broker,
          'const a = []; for (let i = 0; i < 64; i++) a.push(Buffer.alloc(16 << 20, 1)); console.log("had it")',
        );
        const { stdout } = await greed.catch(() => ({ stdout: "" }));
        hold(stdout === "", "a process used 1 GiB of 256 MiB");
      }),
  },
  {
    name: "more processes than it was given cannot be made",
    needs: ["limit pids"],
    run: (driver, fixture) =>
      live(driver, fixture, { limits: { memoryMiB: 512, cpus: 2, pids: 64 } }, async ({ broker }) => {
        const fork = "i=0; while [ $i -lt 100 ]; do sleep 30 & i=$((i+1)); done; echo all of them";
        const { stdout } = await shell(broker, fork).catch(() => ({ stdout: "" }));
        hold(stdout === "", "100 processes were made of 64");
      }),
  },
];
