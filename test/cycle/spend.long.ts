import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ModelServer, type Move, modelServer } from "../support/modelServer.ts";
import { type SmallStack, stackOf } from "../support/stackOf.ts";
import { start, weakdoor } from "../support/weakdoor.ts";

/** The leaf on spending of a real cycle with a model, which ends before its report in each of the ways that it can. */
const KEY_ENV = "SPEND_TEST_KEY";
const LAB = "lab: { minimum: container, allowWeakIsolation: true }\n";
let server: ModelServer;
let stack: SmallStack;

beforeAll(async () => {
  server = await modelServer("openai");
  const research = `research: { mode: openai, model: m-1, keyEnv: ${KEY_ENV}, baseUrl: "${server.baseUrl}" }\n`;
  stack = stackOf("spend", LAB + research);
});
afterAll(async () => {
  stack.remove();
  await server[Symbol.asyncDispose]();
});

const run = () => start(["run", ...stack.args], { [KEY_ENV]: ["k", "of", "the", "test"].join("-") });
const LOOK: Move = { say: "calls", calls: [{ name: "list_weaknesses", input: {} }] };

/** `model.spent` leaves of the log, with the cycle each belongs to. */
async function leaves(): Promise<{ cycle: string; payload: Record<string, unknown> }[]> {
  const { out, err, code } = await weakdoor("log", "show", "--json", "--state", stack.state);
  expect(code, err).toBe(0);
  const entries = JSON.parse(out) as { leaf: { kind: string; cycle: string }; payload: Record<string, unknown> }[];
  return entries.flatMap(({ leaf, payload }) =>
    leaf.kind === "model.spent" ? [{ cycle: leaf.cycle, payload }] : [],
  );
}

/** Runs until the model was asked three times, and does this before the third answer. */
async function until(act: () => void) {
  let asked = 0;
  const running = run();
  server.play([LOOK], () => {
    if (++asked === 3) act();
  });
  return { running, ended: await running.ended };
}

test("a cycle that the kill switch stops in the middle of a call has its leaf, with that call as the most it can cost", async () => {
  const { ended } = await until(() => void weakdoor("kill", "--reason", "the test", "--state", stack.state));
  expect(ended.code, ended.err).toBe(40);
  const [leaf, ...more] = await leaves();
  expect(more).toEqual([]);
  expect(leaf?.payload.calls).toBeGreaterThanOrEqual(2);
  expect(leaf?.payload.tokens).toBeGreaterThan(0);
  await weakdoor("rearm", "--reason", "the test goes on", "--state", stack.state);
});

test("one that is killed outright has it from the run that comes after, which has its own", async () => {
  const before = (await leaves()).length;
  const running = run();
  let asked = 0;
  server.play([LOOK], () => {
    if (++asked === 3) running.child.kill("SIGKILL");
  });
  await running.ended;
  const killed = readdirSync(join(stack.state, "run")).find((name) => name.startsWith("c2"));
  server.play([{ say: "refusal" }]);
  const next = await run().ended;
  // The model declined, so the study did not finish.
  expect([20, 10], next.err).toContain(next.code);
  const [recovered, own, ...more] = (await leaves()).slice(before);
  expect(more).toEqual([]);
  expect(recovered).toMatchObject({ cycle: killed, payload: { recovered: true } });
  // The third is there when CONTROL had heard of it.
  expect([2, 3]).toContain(recovered?.payload.calls);
  expect(own?.payload).toMatchObject({ calls: 1, unsaid: 0, inputTokens: 10, outputTokens: 5 });
});

test("one whose report cannot be written has it all the same", async () => {
  const before = (await leaves()).length;
  const taken = `${stack.reports}-taken`;
  server.play([LOOK, { say: "end" }], () => {
    rmSync(taken, { recursive: true });
    writeFileSync(taken, "");
  });
  const args = stack.args.map((arg) => (arg === stack.reports ? taken : arg));
  const { code } = await start(["run", ...args], { [KEY_ENV]: "k" }).ended;
  expect([1, 2]).toContain(code);
  expect((await leaves()).slice(before)).toMatchObject([{ payload: { calls: 2, unsaid: 0 } }]);
});
