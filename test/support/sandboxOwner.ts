import { type DriversOptions, drivers } from "../../src/sandbox/all.ts";
import type { SandboxSpec } from "../../src/sandbox/sandbox.ts";
import { scratchBroker } from "../../src/sandbox/scratchBroker.ts";

/** A process that makes one sandbox, says so and keeps it, for tests of what happens when such a process dies. */
const { kind, runDirectory, dockerSocket, e2b, spec } = JSON.parse(process.argv[2] ?? "") as {
  kind: string;
  runDirectory: string;
  /** Of the engine that the test runs, for a backend that needs one. */
  dockerSocket?: string;
  e2b?: DriversOptions["e2b"];
  spec: SandboxSpec;
};
const runtimes = kind.startsWith("docker-") ? [kind.slice("docker-".length)] : [];
const driver = drivers({ runDirectory, dockerSocket, runtimes, e2b }).find((one) => one.kind === kind);
if (driver === undefined) throw new Error(`no driver ${kind}`);
const sandbox = await driver.create(spec, new AbortController().signal);
await scratchBroker(sandbox.channel).hello;
process.stdout.write("ready\n");
setInterval(() => undefined, 60_000);
