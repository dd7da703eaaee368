import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import type { DrillOrder } from "../../../src/guest/drill/order.ts";
import type { Touched } from "../../../src/probe/host/canaries.ts";
import { askOutlives } from "../../../src/probe/host/outlives.ts";
import { findProcesses, holdsName } from "../../../src/stop/processes.ts";

const marker = `left-behind-${randomBytes(6).toString("hex")}`;
const left = () => findProcesses(({ commandLine }) => holdsName(commandLine, marker));
const ground = { marker, hidden: undefined, shorter: undefined };

afterEach(() => {
  for (const { pid } of left()) process.kill(pid, "SIGKILL");
});

/** A guest that does as it is told, in this very process, and whose sandbox ends what it left unless it is weak. */
function guest(isWeak: boolean) {
  return async ([order]: readonly DrillOrder[]): Promise<Touched> => {
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 30000)", marker], {
      detached: true,
      stdio: "ignore",
    });
    child.unref();
    if (!isWeak) child.kill("SIGKILL");
    const status = order?.touch === "linger" ? "touched" : "failed";
    return { status: "said", words: [{ status, answer: 1, detail: "left behind" }] };
  };
}

const verdicts = ({ observations }: Awaited<ReturnType<typeof askOutlives>>) =>
  Object.fromEntries(observations.map(({ id, verdict }) => [id, verdict]));

test("a process that is there after its call is seen by the host, and ended", async () => {
  const rows = await askOutlives({ ...ground, touch: guest(true) });
  expect(verdicts(rows)).toEqual({ "child-process": "reachable", "outlives-call": "reachable" });
  await expect.poll(left).toEqual([]);
});

test("a sandbox that ends what a call left behind keeps nothing", async () => {
  const rows = await askOutlives({ ...ground, touch: guest(false) });
  expect(verdicts(rows)).toEqual({ "child-process": "reachable", "outlives-call": "absent" });
});

test("where no process can be started, none can outlive anything", async () => {
  const refused: Touched = { status: "said", words: [{ status: "failed", answer: 0, detail: "EPERM" }] };
  const rows = await askOutlives({ ...ground, touch: async () => refused });
  expect(verdicts(rows)).toEqual({ "child-process": "denied", "outlives-call": "not-measured" });
});

test("what cannot be seen, was not answered, or lasts longer here than in truth is not measured", async () => {
  const hidden = await askOutlives({ ...ground, touch: guest(true), hidden: "a kernel of its own" });
  expect(verdicts(hidden)).toEqual({ "child-process": "not-measured", "outlives-call": "not-measured" });
  expect(left()).toEqual([]);
  const silent: Touched = { status: "nothing-said", reason: "it ended" };
  const unsaid = await askOutlives({ ...ground, touch: async () => silent });
  expect(unsaid.checks).toMatchObject([{ status: "failed" }, { status: "failed" }]);
  const shorter = await askOutlives({ ...ground, touch: guest(true), shorter: "it lasts one command" });
  expect(verdicts(shorter)).toEqual({ "child-process": "reachable", "outlives-call": "not-measured" });
});
