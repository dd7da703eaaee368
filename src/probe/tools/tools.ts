import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import type { CheckRun, Observation } from "../../guest/observation.ts";
import type { Call, Order } from "../../guest/tools/order.ts";
import { type AttemptResult, AttemptResults, Transcript } from "../../guest/tools/transcript.ts";
import { AGENT_DRIVERS, startOf } from "./agents.ts";
import { askedOf, attemptOf, type Capability, type DeniedPath, type Place, plantCanaries } from "./canaries.ts";
import { type Effects, type Listener, watchEffects } from "./effects.ts";
import type { CommandLine } from "./find.ts";
import { identityRows, shellMarker } from "./identity.ts";
import { type Cell, cellOf, cellOfAttempt, withControls } from "./join.ts";
import { planOf } from "./plan.ts";
import { layPost, type Standing } from "./posts.ts";
import { cellRows, coverageOf, notMeasured, PATHS_OF_OURS } from "./rows.ts";
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
  const { capabilities, notPlanted } = plantCanaries(room.places, declared.deniedPaths, room.give);
  await using effects = watchEffects(room.listen);
  const control = await plainProcess(room, capabilities, effects);
  if (control.status === "failed") return notMeasured(agent, control.reason);
  const posts = (["server", "hook"] as const).map((kind) =>
    layPost(kind, capabilities.map(askedOf), room.posts, room.places),
  );
  for (const post of posts) await effects.await(post.asked);
  const marker = await shellMarker(workspaceOf(room), room.give);
  const watch =
    room.processes.status === "seen" ? watchTree(room.processes.pid, release([...posts, marker])) : undefined;
  if (watch === undefined) for (const post of posts) post.letGo();
  try {
    const offered = await drive(room, commandLine, posts, []);
    if (offered.status === "failed") return notMeasured(agent, offered.reason);
    const { tools } = offered.transcript;
    const plan = planOf(tools, driver, capabilities);
    await effects.await(plan.trials.map(({ asked }) => asked));
    const calls = [
      ...plan.trials.map(({ call }) => call),
      ...(watch === undefined ? [] : marker.callsIn(tools, driver)),
    ];
    const driven = await drive(room, commandLine, posts, calls);
    if (driven.status === "failed") return notMeasured(agent, driven.reason);
    const { answers } = driven.transcript;
    const cells = withControls([
      ...control.cells,
      ...plan.trials.map(({ path, asked, isGuess }, i) =>
        cellOf(path, asked.capability, effects.of(asked, answers[i]?.text), answers[i], isGuess),
      ),
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
    return {
      observations: [...cellRows(agent, cells, plan, driver), ...identities],
      checks: coverageOf(commandLine, { cells, notPlanted, end: driven.transcript.end }),
    };
  } finally {
    await watch?.stop();
  }
}

type Control = { status: "done"; cells: Cell[] } | { status: "failed"; reason: string };

/** The same, by a process that no agent holds back: what it may not do, no tool's refusal is to be credited with. */
async function plainProcess(room: ToolRoom, capabilities: readonly Capability[], effects: Effects): Promise<Control> {
  const asked = capabilities.map(askedOf);
  await effects.await(asked);
  const ran = await room.run({ mode: "attempt", attempts: asked.map(attemptOf) }, ATTEMPT_MS);
  const results = answerOf(ran, AttemptResults);
  if (results.status === "failed") return results;
  return {
    status: "done",
    cells: asked.map((one, i) => cellOfAttempt(PATHS_OF_OURS.plain, one, effects, results.value[i])),
  };
}

function cellsOfPost(post: Standing, effects: Effects): Cell[] {
  const results: (AttemptResult | undefined)[] = post.results() ?? [];
  return post.asked.map((one, i) => cellOfAttempt(PATHS_OF_OURS[post.kind], one, effects, results[i]));
}

type Driven = { status: "driven"; transcript: Transcript } | { status: "failed"; reason: string };

async function drive(
  room: ToolRoom,
  commandLine: CommandLine,
  posts: readonly Standing[],
  calls: readonly Call[],
): Promise<Driven> {
  const { protocol } = AGENT_DRIVERS[commandLine.agent];
  const [server = "", hook = ""] = posts.map(({ file }) => file);
  const settingsFile = join(room.posts.path, "settings.json");
  const { settings, ...start } = startOf(commandLine, { server, hook, settings: settingsFile }, room.env);
  if (settings !== undefined) writeFileSync(join(room.posts.host, "settings.json"), settings, { mode: 0o644 });
  const cwd = workspaceOf(room).path;
  const timeoutMs = room.driveMs ?? DRIVE_MS;
  const order: Order = { mode: "drive", protocol, cwd, calls, timeoutMs, ...start };
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
