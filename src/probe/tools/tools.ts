import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import type { CheckRun, Observation } from "../../guest/observation.ts";
import type { Order } from "../../guest/tools/order.ts";
import { type Answer, type AttemptResult, AttemptResults, Transcript } from "../../guest/tools/transcript.ts";
import { AGENT_DRIVERS, startOf } from "./agents.ts";
import {
  type Asked,
  askedOf,
  attemptOf,
  type Capability,
  type DeniedPath,
  type Place,
  plantCanaries,
} from "./canaries.ts";
import { type Effects, type Listener, watchEffects } from "./effects.ts";
import type { CommandLine } from "./find.ts";
import { identityRows, shellMarker } from "./identity.ts";
import { type Cell, cellOf, cellOfAttempt, withControls } from "./join.ts";
import type { Outside } from "./outside.ts";
import { type OwnSandbox, ownSandboxRows, wallsOf } from "./ownSandbox.ts";
import { BY_THE_VENDOR, type Plan, planOf, type Trial } from "./plan.ts";
import { layPost, proxiesIn, type Standing } from "./posts.ts";
import { cellRows, coverageOf, notMeasured, PATHS_OF_OURS } from "./rows.ts";
import { delegationsOf, emptyScripts, planDelegations } from "./subAgents.ts";
import { watchTree } from "./watch.ts";

/**
 * The tool plane: what each path that an agent has to the system lets through. The same canaries go through a plain process, the
 * agent's own tools, its MCP servers, and the places where it starts programs by itself. The agent is the vendor's own command
 * line in the rebuilt sandbox, with the stack's own settings; the model is a script on loopback in there. What counts is what the
 * outside saw: files on the host's side of a mount, nonces that nobody inside was told, connections to a socket of ours, processes
 * in the host's own tables.
 */
export type ToolRoom = {
  /** Runs the tool-plane program inside. */
  run(order: Order, timeoutMs: number): Promise<Ran>;
  /** Host pid of the sandbox's first process; or why the host does not see the processes inside. */
  processes: { status: "seen"; pid: number } | { status: "unseen"; reason: string };
  /** Of the agent, as the stack declares it. */
  env: Readonly<Record<string, string>>;
  places: readonly Place[];
  /** A directory of ours that is mounted read-only at `path`. */
  posts: { path: string; host: string };
  /** Hands a file of ours to the user inside. */
  give: (path: string) => void;
  listen: (path: string) => Promise<Listener>;
  internet: Outside;
  /** How long one run of a command line may take; 50 s when left out. */
  driveMs?: number;
};

export type Ran = { code: number | null; stdout: string; stderr: string; isTruncated: boolean; isTimedOut: boolean };

/** What the stack's files say of one agent. */
export type Declaration = {
  deniedPaths: readonly DeniedPath[];
  /** Servers that are started as a program, by name. */
  servers: readonly { name: string; argv: readonly string[] }[];
  /** Commands of hooks, as written; they may hold a credential and are not shown. */
  hooks: readonly { name: string; command: string }[];
  /** Names of kinds of sub-agents. */
  subAgents: readonly string[];
  /** Servers that are reached by a URL, by name; `at` without what may be a credential. */
  remote: readonly { name: string; at: string }[];
  /** What it declares of a sandbox of its own; undefined when nothing. */
  ownSandbox?: OwnSandbox;
};

export type ToolPlane = { observations: Observation[]; checks: CheckRun[] };

const DRIVE_MS = 50_000;
/** For the program inside to start and to hand in its answer, on a busy machine. */
const AROUND_MS = 9_000;
const ATTEMPT_MS = 30_000;

/** One agent, measured; two runs of its command line. Rejects only when the carrier does. */
export async function measureAgent(
  room: ToolRoom,
  commandLine: CommandLine,
  declared: Declaration,
): Promise<ToolPlane> {
  const { agent } = commandLine;
  const driver = AGENT_DRIVERS[agent];
  const hasInternet = room.internet.status === "standing";
  const { capabilities, notPlanted } = plantCanaries(room.places, declared.deniedPaths, room.give, { hasInternet });
  await using effects = watchEffects(room.listen, room.internet);
  const control = await plainProcess(room, capabilities, effects);
  if (control.status === "failed") return notMeasured(agent, control.reason);
  const posts = (["server", "hook"] as const).map((kind) => layPost(kind, capabilities.map(askedOf), room));
  for (const post of posts) await effects.await(post.asked);
  const marker = await shellMarker(workspaceOf(room), room.give);
  const watch =
    room.processes.status === "seen" ? watchTree(room.processes.pid, release([...posts, marker])) : undefined;
  if (watch === undefined) for (const post of posts) post.letGo();
  try {
    const delegations = delegationsOf(driver, declared.subAgents);
    const begin = delegations.flatMap(({ start }) => start);
    const offered = await drive(room, commandLine, posts, { calls: begin, subs: emptyScripts(delegations) });
    if (offered.status === "failed") return notMeasured(agent, offered.reason);
    const { tools, vendorTools } = offered.transcript;
    const plan = planOf(tools, driver, capabilities);
    const { delegated, notDriven } = planDelegations(delegations, offered.transcript, driver, capabilities);
    plan.notDriven.push(...notDriven, ...delegated.flatMap((one) => one.plan.notDriven));
    plan.notDriven.push(...vendorTools.map((tool) => ({ tool, why: BY_THE_VENDOR })));
    await effects.await([plan, ...delegated.map((one) => one.plan)].flatMap(({ trials }) => trials.map(askedBy)));
    const ownCalls = [
      ...plan.trials.map(({ call }) => call),
      ...(watch === undefined ? [] : marker.callsIn(tools, driver)),
    ];
    const driven = await drive(room, commandLine, posts, {
      calls: [...ownCalls, ...delegated.flatMap(({ delegation }) => delegation.start)],
      subs: delegated.map((one) => ({
        marker: one.delegation.marker,
        calls: one.plan.trials.map(({ call }) => call),
      })),
    });
    if (driven.status === "failed") return notMeasured(agent, driven.reason);
    const { answers, subs } = driven.transcript;
    await effects.hear();
    const cells = withControls([
      ...control.cells,
      ...cellsOf(plan, answers, effects),
      ...delegated.flatMap((one, i) => cellsOf(one.plan, subs[i]?.answers ?? [], effects)),
      ...posts.flatMap((post) => cellsOfPost(post, effects)),
    ]);
    const identities = identityRows({
      agent,
      commandLine,
      processes: room.processes,
      seen: watch?.seen() ?? [],
      posts,
      marker,
      declared,
      shellAnswer: answers[plan.trials.length],
    });
    const confinement = ownSandboxRows({
      agent,
      declared: declared.ownSandbox,
      cells: cells.filter(({ path }) => driver.tools[path] === "shell"),
      walls: wallsOf(watch?.seen() ?? [], marker, commandLine),
    });
    return {
      observations: [...cellRows(agent, cells, plan, driver), ...identities, ...confinement],
      checks: coverageOf(commandLine, { cells, notPlanted, end: driven.transcript.end }),
    };
  } finally {
    await watch?.stop();
  }
}

type Script = Pick<Extract<Order, { mode: "drive" }>, "calls" | "subs">;

type Control = { status: "done"; cells: Cell[] } | { status: "failed"; reason: string };

/** The same, by a process that no agent holds back: what it may not do, no tool's refusal is to be credited with. */
async function plainProcess(room: ToolRoom, capabilities: readonly Capability[], effects: Effects): Promise<Control> {
  const asked = capabilities.map(askedOf);
  await effects.await(asked);
  const ran = await room.run(
    { mode: "attempt", attempts: asked.map(attemptOf), proxies: proxiesIn(room.env) },
    ATTEMPT_MS,
  );
  const results = answerOf(ran, AttemptResults);
  if (results.status === "failed") return results;
  await effects.hear();
  return {
    status: "done",
    cells: asked.map((one, i) => cellOfAttempt(PATHS_OF_OURS.plain, one, effects, results.value[i])),
  };
}

function cellsOfPost(post: Standing, effects: Effects): Cell[] {
  const results: (AttemptResult | undefined)[] = post.results() ?? [];
  return post.asked.map((one, i) => cellOfAttempt(PATHS_OF_OURS[post.kind], one, effects, results[i]));
}

function askedBy({ asked }: Trial): Asked {
  return asked;
}

function cellsOf({ trials }: Plan, answers: readonly Answer[], effects: Effects): Cell[] {
  return trials.map(({ path, asked, isGuess }, i) =>
    cellOf(path, asked.capability, effects.of(asked, answers[i]?.text), answers[i], isGuess),
  );
}

type Driven = { status: "driven"; transcript: Transcript } | { status: "failed"; reason: string };

async function drive(
  room: ToolRoom,
  commandLine: CommandLine,
  posts: readonly Standing[],
  script: Script,
): Promise<Driven> {
  const { protocol } = AGENT_DRIVERS[commandLine.agent];
  const [server = "", hook = ""] = posts.map(({ file }) => file);
  const settingsFile = join(room.posts.path, "settings.json");
  const { settings, ...start } = startOf(commandLine, { server, hook, settings: settingsFile }, room.env);
  if (settings !== undefined) writeFileSync(join(room.posts.host, "settings.json"), settings, { mode: 0o644 });
  const cwd = workspaceOf(room).path;
  const timeoutMs = room.driveMs ?? DRIVE_MS;
  const order: Order = { mode: "drive", protocol, cwd, ...script, timeoutMs, ...start };
  const answered = answerOf(await room.run(order, timeoutMs + AROUND_MS), Transcript);
  if (answered.status === "failed") return answered;
  const transcript = answered.value;
  if (transcript.turns > 0) return { status: "driven", transcript };
  const { code, said, isTimedOut } = transcript.end;
  const how = isTimedOut ? "was ended when its time was up" : `ended with ${code ?? "a signal"}`;
  return { status: "failed", reason: `it ${how} and asked the model nothing: ${said.slice(-200)}` };
}

function workspaceOf({ places }: ToolRoom): Place {
  const place = places.find(({ name }) => name === "workspace");
  if (place === undefined) throw new Error("a tool room has a workspace");
  return place;
}

type Waiting = { isOf(argv: readonly string[]): boolean; letGo(): void };

function release(waiting: readonly Waiting[]): (process: { argv: readonly string[] }) => void {
  return ({ argv }) => {
    for (const one of waiting) if (one.isOf(argv)) one.letGo();
  };
}

type Parser<T> = { safeParse(value: unknown): { success: true; data: T } | { success: false } };

function answerOf<T>(
  ran: Ran,
  shape: Parser<T>,
): { status: "answered"; value: T } | { status: "failed"; reason: string } {
  if (ran.isTimedOut) return { status: "failed", reason: "the program inside did not end in its time" };
  if (ran.isTruncated) return { status: "failed", reason: "the answer from inside is longer than allowed" };
  try {
    const parsed = shape.safeParse(JSON.parse(ran.stdout));
    if (parsed.success) return { status: "answered", value: parsed.data };
    return { status: "failed", reason: "the answer from inside has another shape" };
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    const said = ran.stderr.slice(-200);
    return { status: "failed", reason: `no answer came from inside (${messageOf(thrown).slice(0, 60)}): ${said}` };
  }
}
