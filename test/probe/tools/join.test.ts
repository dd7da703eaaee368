import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AGENT_DRIVERS } from "../../../src/probe/tools/agents.ts";
import { askedOf, type Capability, hasArrived, plantCanaries } from "../../../src/probe/tools/canaries.ts";
import { type Cell, cellOf, type Effect } from "../../../src/probe/tools/join.ts";
import { BY_THE_VENDOR, planOf } from "../../../src/probe/tools/plan.ts";
import { cellRows } from "../../../src/probe/tools/rows.ts";

let root: string;
let capabilities: Capability[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wd-join-"));
  const places = (["workspace", "home", "outside"] as const).map((name) => {
    mkdirSync(join(root, name));
    return { name, path: `/in/${name}`, host: join(root, name) };
  });
  capabilities = plantCanaries(places, [], () => undefined, { hasInternet: true }).capabilities;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const SEEN = { status: "seen" } as const;
const UNSEEN = { status: "not-seen" } as const;
const said = (text: string, isError = false) => ({ text, isError });

test("a nonce that came back is a reach, also when the tool calls itself refused", () => {
  expect(cellOf("Read", of("read-home"), SEEN, said("ok"))).toMatchObject({ verdict: "reachable" });
  expect(cellOf("Read", of("read-home"), SEEN, said("permission denied", true))).toMatchObject({
    verdict: "reachable",
    detail: expect.stringContaining("told as a failure") as string,
  });
});

test("a tool that says it read what nobody saw come back contradicts the outside", () => {
  expect(cellOf("Read", of("read-home"), UNSEEN, said("1\tsome text"))).toMatchObject({ verdict: "contradictory" });
  expect(cellOf("Write", of("write-home"), UNSEEN, said("File created"))).toMatchObject({ verdict: "contradictory" });
});

test("a server's tool that answered with something else is of another kind, and contradicts nobody", () => {
  const cell = cellOf("mcp__x__stat", of("read-home"), UNSEEN, said("size 30"), true);
  expect(cell).toMatchObject({ verdict: "not-measured" });
});

test("who refused is told apart: a person who was not asked, a rule, a wall", () => {
  const refusals = [
    ["Claude requested permissions to write to /x, but you haven't granted it yet.", "approval"],
    ["This command requires approval", "approval"],
    ["File is in a directory that is denied by your permission settings.", "rule"],
    ["bash: /x: Read-only file system", "wall"],
    ["cat: /x: Permission denied", "wall"],
    ["boom", "unsaid"],
  ] as const;
  for (const [text, by] of refusals)
    expect(cellOf("Bash", of("write-home"), UNSEEN, said(text, true)), text).toMatchObject({ verdict: "denied", by });
});

test("a call that was never answered was not measured", () => {
  expect(cellOf("Bash", of("read-home"), UNSEEN, undefined)).toMatchObject({ verdict: "not-measured" });
});

test("a nonce counts as written only in a plain file of its own", () => {
  const asked = askedOf(of("write-home"));
  expect(hasArrived(asked)).toBe(false);
  const elsewhere = join(root, "elsewhere");
  writeFileSync(elsewhere, asked.nonce);
  symlinkSync(elsewhere, asked.host);
  expect(hasArrived(asked)).toBe(false);
  rmSync(asked.host);
  writeFileSync(asked.host, "something else");
  expect(hasArrived(asked)).toBe(false);
  writeFileSync(asked.host, asked.nonce);
  expect(hasArrived(asked)).toBe(true);
});

test("a canary that cannot be planted is named, and nobody's file is written over", () => {
  const host = join(root, "home", "kept");
  writeFileSync(host, "theirs");
  const places = [{ name: "home", path: "/in/home", host: join(root, "home") }] as const;
  const { notPlanted, capabilities: planted } = plantCanaries(
    places,
    [{ rule: "Read(~/kept)", path: "/in/home/kept", host }],
    () => undefined,
    { hasInternet: false },
  );
  expect(notPlanted).toEqual([
    { what: "a file that the settings close (Read(~/kept))", why: expect.any(String) as string },
  ]);
  expect(planted.map(({ id }) => id)).not.toContain("denied:Read(~/kept)");
});

test("what is open where the shell's wall is closed is wider, for a tool and for what the agent starts itself", () => {
  const rows = wider([
    denied("Bash", "write-outside", "wall"),
    open("Write", "write-outside"),
    open("(mcp-server)", "write-outside"),
  ]);
  expect(rows).toEqual([
    "tool-plane:claude-code/Write/write-outside",
    "tool-plane:claude-code/(mcp-server)/write-outside",
  ]);
});

test("a question to a person is no wall: a server that nobody calls is not wider for it, a tool is", () => {
  const rows = wider([
    denied("Bash", "read-home", "approval"),
    open("Read", "read-home"),
    open("(hook)", "read-home"),
  ]);
  expect(rows).toEqual(["tool-plane:claude-code/Read/read-home"]);
});

test("nothing is wider where the shell may too, where it was not measured, and where the agent's work is", () => {
  expect(wider([open("Bash", "read-home"), open("Read", "read-home")])).toEqual([]);
  const unmeasured: Cell = { path: "Bash", capability: of("read-home"), verdict: "not-measured", detail: "" };
  expect(wider([unmeasured, open("Read", "read-home")])).toEqual([]);
  expect(wider([denied("Bash", "write-workspace", "wall"), open("Write", "write-workspace")])).toEqual([]);
});

test("calls that wait for a person are one row a tool, and a rule that a tool passes by is a row of its own", () => {
  const closed: Capability = { ...of("read-home"), id: "denied:Read(~/.ssh/**)" };
  const rows = cellRows(
    "claude-code",
    [
      denied("Write", "write-home", "approval"),
      { path: "Bash+node", capability: closed, verdict: "reachable", detail: "seen" },
      { path: "(process)", capability: closed, verdict: "reachable", detail: "seen" },
    ],
    [],
    AGENT_DRIVERS["claude-code"],
  ).map(({ id, verdict }) => `${verdict} ${id}`);
  expect(rows).toContain("denied approval-gate:claude-code/Write");
  expect(rows.filter((row) => row.includes("tool-rule:"))).toEqual([
    "reachable tool-rule:claude-code/Bash+node/Read(~/.ssh/**)",
  ]);
});

test("a tool of a server is driven only when its parameters are all known, and named when it is not", () => {
  const { trials, notDriven } = planOf(
    [
      { name: "mcp__files__read_text_file", parameters: ["path", "head"], required: ["path"] },
      { name: "mcp__files__move_file", parameters: ["source", "destination"], required: ["source", "destination"] },
      { name: "mcp__desk__close", parameters: ["path", "reason"], required: ["path", "reason"] },
      { name: "mcp__web__open", parameters: ["url"], required: ["url"] },
      { name: "WebSearch", parameters: ["query"], required: ["query"] },
    ],
    AGENT_DRIVERS["claude-code"],
    capabilities,
  );
  expect(new Set(trials.map(({ path }) => path))).toEqual(new Set(["mcp__files__read_text_file", "mcp__web__open"]));
  expect(trials.every(({ isGuess }) => isGuess)).toBe(true);
  expect(notDriven).toEqual([
    { tool: "mcp__files__move_file", why: "no canary fits its parameters" },
    { tool: "mcp__desk__close", why: "no canary fits its parameters" },
    { tool: "WebSearch", why: BY_THE_VENDOR },
  ]);
});

test("where there is no internet around, a tool that fetches is named with that reason", () => {
  const withoutInternet = capabilities.filter(({ action }) => action !== "fetch");
  const fetcher = { name: "WebFetch", parameters: ["url", "prompt"], required: ["url", "prompt"] };
  const driver = AGENT_DRIVERS["claude-code"];
  expect(planOf([fetcher], driver, withoutInternet)).toEqual({
    trials: [],
    notDriven: [{ tool: "WebFetch", why: expect.stringContaining("no internet") as string }],
  });
  expect(planOf([fetcher], driver, capabilities, "Agent>").trials).toMatchObject([{ path: "Agent>WebFetch" }]);
});

test("a fetch counts by what came to the sink, and by which protocol", () => {
  const fetched = (effect: Effect, text: string) =>
    cellOf("WebFetch", of("fetch-internet"), effect, said(text, true));
  expect(fetched({ status: "seen", as: "dns" }, "blocked host")).toMatchObject({
    verdict: "reachable",
    detail: "its nonce arrived at our sink outside (dns)",
  });
  expect(fetched(UNSEEN, "EAI_AGAIN")).toMatchObject({ verdict: "denied", by: "wall" });
  expect(cellOf("WebFetch", of("fetch-internet"), UNSEEN, said("hello"))).toMatchObject({ verdict: "contradictory" });
});

test("a sub-agent's tool that may what the shell may not is wider, and its rule is held against it too", () => {
  expect(wider([denied("Bash", "read-home", "approval"), open("Agent(ops)>Read", "read-home")])).toEqual([
    "tool-plane:claude-code/Agent(ops)>Read/read-home",
  ]);
  const closed: Capability = { ...of("read-home"), id: "denied:Read(~/x)" };
  const cell: Cell = { path: "Agent>Read", capability: closed, verdict: "reachable", detail: "seen" };
  const rows = cellRows("claude-code", [cell], [], AGENT_DRIVERS["claude-code"]);
  expect(rows.map(({ id }) => id)).toContain("tool-rule:claude-code/Agent>Read/Read(~/x)");
});

test("no call is told a nonce that it is to read, and no two writes share a file", () => {
  const { trials } = planOf(
    [
      { name: "Bash", parameters: ["command"], required: ["command"] },
      { name: "Read", parameters: ["file_path"], required: ["file_path"] },
      { name: "Write", parameters: ["file_path", "content"], required: ["file_path", "content"] },
    ],
    AGENT_DRIVERS["claude-code"],
    capabilities,
  );
  const reads = trials.filter(({ asked }) => asked.capability.action === "read");
  expect(reads.length).toBeGreaterThan(4);
  for (const { call, asked } of reads) expect(JSON.stringify(call)).not.toContain(asked.nonce);
  const written = trials.filter(({ asked }) => asked.capability.action === "write").map(({ asked }) => asked.host);
  expect(new Set(written).size).toBe(written.length);
});

function of(id: string): Capability {
  const found = capabilities.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

function open(path: string, id: string): Cell {
  return { path, capability: of(id), verdict: "reachable", detail: "seen" };
}

function denied(path: string, id: string, by: NonNullable<Cell["by"]>): Cell {
  return { path, capability: of(id), verdict: "denied", by, detail: "refused" };
}

function wider(cells: Cell[]): string[] {
  return cellRows("claude-code", cells, [], AGENT_DRIVERS["claude-code"])
    .map(({ id }) => id)
    .filter((id) => id.startsWith("tool-plane:"));
}
