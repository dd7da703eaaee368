import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ToolPlane } from "../../../src/probe/tools/tools.ts";
import { type ToolBed, toolBed } from "../../support/toolBed.ts";

/** Programs of the test's own stand where a vendor's command line does, in a real sandbox. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
let bed: ToolBed;
beforeAll(async () => {
  bed = await toolBed();
});
afterAll(() => bed[Symbol.dispose]());

const NEVER = "never says a word";

test.each([
  [NEVER, "setInterval(() => {}, 1000);", "its time was up"],
  [
    "dies at its start",
    "console.error('cannot find module x'); process.exit(3);",
    "ended with 3 and asked the model nothing: cannot find module x",
  ],
  ["asks for a login", "console.log('Please run /login');", "Please run /login"],
  ["says nothing at all", "", "it said nothing"],
  ["takes its own life", "process.kill(process.pid, 'SIGKILL');", "ended with a signal"],
])("a command line that %s is not measured, with the reason, and in time", async (what, code, reason) => {
  const plane = await measured(code, what === NEVER ? { driveMs: 1_000 } : {});
  expect(plane.observations).toEqual([]);
  expect(new Set(plane.checks.map(({ status }) => status))).toEqual(new Set(["failed"]));
  expect(plane.checks[0]?.reason).toContain(reason);
});

test("what a command line starts and leaves behind ends with the room", async () => {
  const word = `left-${process.pid}-behind`;
  const leaves = `import { spawn } from "node:child_process";
spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "${word}"], { detached: true, stdio: "ignore" }).unref();`;
  await measured(leaves);
  expect(commandLines().filter((line) => line.includes(word))).toEqual([]);
});

test("a newer one whose tools nobody knows is named tool by tool, and says that nothing was held against a shell", async () => {
  const plane = await measured(`const { ANTHROPIC_BASE_URL } = process.env;
const tools = ["Terminal", "Looker"].map((name) => ({ name, input_schema: { type: "object", properties: { what: {} }, required: ["what"] } }));
const ask = { model: "m", tools, messages: [{ role: "user", content: "go" }] };
await (await fetch(ANTHROPIC_BASE_URL + "/v1/messages", { method: "POST", body: JSON.stringify(ask) })).json();`);
  const verdicts = Object.fromEntries(plane.observations.map(({ id, verdict }) => [id, verdict]));
  expect(verdicts).toMatchObject({
    "tool-path:claude-code/Terminal": "not-measured",
    "tool-path:claude-code/Looker": "not-measured",
    "tool-path:claude-code/Agent": "not-measured",
    "tool-path:claude-code/(process)/write-home": "reachable",
  });
  expect(plane.observations.filter(({ id }) => id.startsWith("tool-plane:"))).toEqual([]);
  expect(new Set(plane.checks.map(({ status }) => status))).toEqual(new Set(["degraded"]));
  expect(plane.checks[0]?.reason).toContain("known as its shell");
});

function measured(code: string, more: { driveMs?: number } = {}): Promise<ToolPlane> {
  return bed.measure("claude-code", { files: { "workspace/agent.mjs": code }, program: "agent.mjs", ...more });
}

function commandLines(): string[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || name === String(process.pid)) return [];
    try {
      return [readFileSync(`/proc/${name}/cmdline`, "utf8")];
    } catch {
      // It ended meanwhile.
      return [];
    }
  });
}
