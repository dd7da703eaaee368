import { randomBytes } from "node:crypto";
import { carried } from "../../src/guest/argv.ts";
import { hostFacts } from "../../src/probe/baseline.ts";
import { measure, requestOf } from "../../src/probe/probe.ts";
import type { ScratchBroker } from "../../src/sandbox/scratchBroker.ts";
import { type Bed, liveSandbox } from "./bed.ts";
import { type Bench, type Measured, milliseconds, sideBySide } from "./figure.ts";

/** The whole probe inside, beside a Node that does nothing in the same sandbox. */
export const probe: Bench = {
  name: "probe",
  run: async (bed) => [await probeIn("bubblewrap", 300, bed), await probeIn("runsc", 600, bed)],
};

const RUNS = 7;

async function probeIn(kind: "bubblewrap" | "runsc", atMostMs: number, bed: Bed): Promise<Measured> {
  await using live = await liveSandbox(await bed.driver(kind), bed.spec(), bed.signal);
  const { broker } = live;
  const host = await hostFacts();
  const probing = () => milliseconds(() => probed(broker, host));
  const nothing = () => milliseconds(() => broker.run(task({ argv: [...carried("node"), "-e", "0"] })));
  await probing();
  const figures = await sideBySide(RUNS, probing, nothing);
  const goal = { text: `at most ${atMostMs} ms`, isMet: (value: number) => value <= atMostMs };
  return { name: `probe in ${kind}`, unit: "ms", ...figures, goal };
}

async function probed(broker: ScratchBroker, host: Awaited<ReturnType<typeof hostFacts>>): Promise<void> {
  const request = requestOf({
    vantage: "target",
    home: "/home/dev",
    workspace: "/workspace",
    keyHex: randomBytes(32).toString("hex"),
    host,
  });
  const measured = await measure((stdin) => broker.run(task({ program: "probe", args: [] }, stdin)), request);
  if (measured.status !== "measured") throw new Error(`the probe was refused: ${measured.reason}`);
}

function task(run: Parameters<ScratchBroker["run"]>[0]["run"], stdin = "") {
  return { run, env: {}, cwd: "/", stdin, timeoutMs: 20_000, outputBytesMax: 4 * 1024 * 1024 };
}
