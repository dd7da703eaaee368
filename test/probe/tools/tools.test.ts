import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Order } from "../../../src/guest/tools/order.ts";
import type { Answer } from "../../../src/guest/tools/transcript.ts";
import type { Ran } from "../../../src/probe/tools/drive.ts";
import type { CommandLine } from "../../../src/probe/tools/find.ts";
import { measureAgent, type ToolPlane } from "../../../src/probe/tools/tools.ts";

/** A guest that is not ours answers in the place of the program inside: what it says is held against what the host sees. */
const CLAUDE: CommandLine = { agent: "claude-code", version: "1", mounts: [], argv: ["/claude"], linked: [] };
const TOOLS = [
  { name: "Bash", parameters: ["command"], required: ["command"] },
  { name: "Read", parameters: ["file_path"], required: ["file_path"] },
  { name: "Write", parameters: ["file_path", "content"], required: ["file_path", "content"] },
];
const NOTHING_DECLARED = { deniedPaths: [], servers: [], hooks: [], subAgents: [], remote: [] };
const NO_OTHERS = { subs: [], vendorTools: [], otherRequests: [] };
const END = { code: 0, signal: null, isTimedOut: false, said: "" };

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wd-lie-"));
  for (const name of ["workspace", "home", "outside", "posts"]) mkdirSync(join(root, name));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("a guest that says everything was done, and did nothing, is contradicted in every cell", async () => {
  const plane = await measured(() => ({ text: "done", isError: false }));
  const cells = plane.observations.filter(({ id }) => /^tool-path:claude-code\/(Bash|Read|Write)\//.test(id));
  expect(cells.length).toBeGreaterThan(10);
  expect(new Set(cells.map(({ verdict }) => verdict))).toEqual(new Set(["contradictory"]));
  expect(plane.observations.filter(({ id }) => id.startsWith("tool-plane:"))).toEqual([]);
});

test("a guest that says everything was refused, and did it, is shown to have done it", async () => {
  const plane = await measured((call) => {
    carryOut(call);
    return { text: `permission denied ${nonceAt(call)}`, isError: true };
  });
  const verdicts = Object.fromEntries(plane.observations.map(({ id, verdict }) => [id, verdict]));
  expect(verdicts).toMatchObject({
    "tool-path:claude-code/Read/read-home": "reachable",
    "tool-path:claude-code/Write/write-outside": "reachable",
  });
});

test("a guest that ends before the last call leaves cells that were not measured, and a check that did not run to its end", async () => {
  const plane = await measured((_call, index) =>
    index < 2 ? { text: "Permission denied", isError: true } : undefined,
  );
  const cells = plane.observations.filter(({ id }) => id.startsWith("tool-path:claude-code/Write/"));
  expect(new Set(cells.map(({ verdict }) => verdict))).toEqual(new Set(["not-measured"]));
  expect(plane.checks.map(({ status }) => status)).not.toContain("ran");
});

test.each([
  ["no JSON", "not json", "no answer came"],
  ["another shape", '{"tools":7}', "another shape"],
  ["nothing", "", "no answer came"],
])("an answer that is %s is no measurement, and says so", async (_what, stdout, reason) => {
  const plane = await measureAgent(
    roomOf(() => stdout),
    CLAUDE,
    NOTHING_DECLARED,
  );
  expect(plane.observations).toEqual([]);
  expect(plane.checks.every(({ status }) => status === "failed")).toBe(true);
  expect(plane.checks[0]?.reason).toContain(reason);
});

test("an agent that asks its model nothing was not driven, whatever its exit code", async () => {
  const transcript = { tools: [], answers: [], turns: 0, ...NO_OTHERS, end: { ...END, said: "please log in" } };
  const plane = await measureAgent(
    roomOf((order) => (order.mode === "attempt" ? attemptsOf(order) : JSON.stringify(transcript))),
    CLAUDE,
    NOTHING_DECLARED,
  );
  expect(plane.observations).toEqual([]);
  expect(plane.checks[0]?.reason).toContain("please log in");
});

test("an agent that begins only without the stack's own servers is measured without them, and that is said", async () => {
  const starts: boolean[] = [];
  const room = roomOf((order) => {
    if (order.mode === "attempt") return attemptsOf(order);
    const isWithout = order.argv.includes("--strict-mcp-config");
    starts.push(isWithout);
    const end = isWithout ? END : { ...END, code: null, isTimedOut: true };
    return JSON.stringify({
      tools: isWithout ? TOOLS : [],
      answers: [],
      turns: isWithout ? 1 : 0,
      ...NO_OTHERS,
      end,
    });
  });
  const plane = await measureAgent(room, CLAUDE, NOTHING_DECLARED);
  expect(starts).toEqual([false, true, true]);
  expect(plane.observations.map(({ id }) => id)).toContain("tool-path:claude-code/Bash/read-home");
  expect(plane.checks[0]).toMatchObject({
    status: "degraded",
    reason: expect.stringContaining("left out") as string,
  });
});

test("servers of which no tool is offered are named as paths that nobody looked at", async () => {
  const room = roomOf((order) =>
    order.mode === "attempt"
      ? attemptsOf(order)
      : JSON.stringify({ tools: TOOLS, answers: [], turns: 1, ...NO_OTHERS, end: END }),
  );
  const declared = {
    ...NOTHING_DECLARED,
    servers: [{ name: "desk", argv: ["desk"] }],
    remote: [{ name: "far", at: "https://a.example" }],
  };
  const { observations } = await measureAgent(room, CLAUDE, declared);
  const rows = observations.filter(({ id }) => /(?:desk|far)$/.test(id));
  expect(rows.map(({ id, verdict }) => `${verdict} ${id}`)).toEqual([
    "not-measured tool-path:claude-code/mcp__desk",
    "not-measured tool-path:claude-code/mcp__far",
    "not-measured mcp-identity:claude-code/desk",
    "not-measured mcp-identity:claude-code/far",
  ]);
});

type Call = Extract<Order, { mode: "drive" }>["calls"][number];

function measured(answer: (call: Call, index: number) => Answer | undefined): Promise<ToolPlane> {
  const room = roomOf((order) => {
    if (order.mode === "attempt") return attemptsOf(order);
    const answers = order.calls.flatMap((call, index) => answer(call, index) ?? []);
    return JSON.stringify({ tools: TOOLS, answers, turns: order.calls.length + 1, ...NO_OTHERS, end: END });
  });
  return measureAgent(room, CLAUDE, NOTHING_DECLARED);
}

function roomOf(say: (order: Order) => string): Parameters<typeof measureAgent>[0] {
  const ran = (stdout: string): Ran => ({ code: 0, stdout, stderr: "", isTruncated: false, isTimedOut: false });
  return {
    run: (order) => Promise.resolve(ran(say(order))),
    processes: { status: "unseen", reason: "there is none" },
    env: {},
    places: (["workspace", "home", "outside"] as const).map((name) => ({
      name,
      path: join(root, name),
      host: join(root, name),
    })),
    posts: { path: join(root, "posts"), host: join(root, "posts") },
    give: () => undefined,
    listen: () => Promise.resolve({ touches: () => 0, close: () => Promise.resolve() }),
    internet: { status: "none", reason: "there is none" },
  };
}

/** Of an honest process: paths are the same inside and outside here. */
function attemptsOf(order: Extract<Order, { mode: "attempt" }>): string {
  return JSON.stringify(
    order.attempts.map((attempt) => {
      if (attempt.do === "write") writeFileSync(attempt.path, attempt.content);
      return {
        isDone: attempt.do !== "connect",
        text: attempt.do === "read" ? readFileSync(attempt.path, "utf8") : "",
      };
    }),
  );
}

function carryOut({ tool, input }: Call): void {
  if (tool === "Write" && typeof input !== "string")
    writeFileSync(String(input["file_path"]), String(input["content"]));
}

function nonceAt({ tool, input }: Call): string {
  return tool === "Read" && typeof input !== "string" ? readFileSync(String(input["file_path"]), "utf8") : "";
}
