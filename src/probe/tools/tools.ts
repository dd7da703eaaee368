import type { CheckRun, Observation } from "../../guest/observation.ts";
import type { Order } from "../../guest/tools/order.ts";
import { type Answer, type AttemptResult, AttemptResults } from "../../guest/tools/transcript.ts";
import { AGENT_DRIVERS } from "./agents.ts";
import { askedOf, attemptOf, type Capability, type DeniedPath, type Place, plantCanaries } from "./canaries.ts";
import { contactRow } from "./contacts.ts";
import { answerOf, drive, type Ran, workspaceOf } from "./drive.ts";
import { type Effects, type Listener, watchEffects } from "./effects.ts";
import type { CommandLine } from "./find.ts";
import { identityRows, shellMarker } from "./identity.ts";
import { type Cell, cellOf, cellOfAttempt, withControls } from "./join.ts";
import { gapsOf, offersOf, plansFor, scriptOf } from "./offers.ts";
import type { Outside } from "./outside.ts";
import { type OwnSandbox, ownSandboxRows, wallsOf } from "./ownSandbox.ts";
import type { Plan } from "./plan.ts";
import { layPost, proxiesIn, type Standing } from "./posts.ts";
import { cellRows, coverageOf, notMeasured, PATHS_OF_OURS } from "./rows.ts";
import { delegationsOf } from "./subAgents.ts";
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
  const namesAsked = () => (room.internet.status === "standing" ? room.internet.names() : Promise.resolve([]));
  const before = await namesAsked();
  try {
    const asked = await offersOf(room, commandLine, posts, delegationsOf(driver, declared.subAgents));
    if (asked.status === "failed") return notMeasured(agent, asked.reason);
    const plans = plansFor(asked, driver, capabilities, declared);
    await effects.await(plans.all.flatMap(({ trials }) => trials.map((trial) => trial.asked)));
    const shellCalls = watch === undefined ? [] : marker.callsIn(asked.transcript.tools, driver);
    const driven = await drive(room, commandLine, posts, {
      ...scriptOf(plans, shellCalls),
      hasServers: asked.hasServers,
    });
    if (driven.status === "failed") return notMeasured(agent, driven.reason);
    const { answers, subs, end } = driven.transcript;
    await effects.hear();
    const cells = withControls([
      ...control.cells,
      ...cellsOf(plans.own, answers, effects),
      ...plans.delegated.flatMap(({ plan }, i) => cellsOf(plan, subs[i]?.answers ?? [], effects)),
      ...posts.flatMap((post) => cellsOfPost(post, effects)),
    ]);
    const seen = watch?.seen() ?? [];
    const shellAnswer = answers[plans.own.trials.length];
    const { processes } = room;
    return {
      observations: [
        ...cellRows(agent, cells, plans.notDriven, driver),
        ...identityRows({ agent, commandLine, processes, seen, posts, marker, declared, shellAnswer }),
        ...ownSandboxRows({
          agent,
          declared: declared.ownSandbox,
          cells: cells.filter(({ path }) => driver.tools[path] === "shell"),
          walls: wallsOf(seen, marker, commandLine),
        }),
        contactRow(agent, room.internet, { before, after: await namesAsked() }),
      ],
      checks: coverageOf(commandLine, { cells, notPlanted, end, gaps: gapsOf(asked, cells, driver) }),
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

function cellsOf({ trials }: Plan, answers: readonly Answer[], effects: Effects): Cell[] {
  return trials.map(({ path, asked, isGuess }, i) =>
    cellOf(path, asked.capability, effects.of(asked, answers[i]?.text), answers[i], isGuess),
  );
}

type Waiting = { isOf(argv: readonly string[]): boolean; letGo(): void };

function release(waiting: readonly Waiting[]): (process: { argv: readonly string[] }) => void {
  return ({ argv }) => {
    for (const one of waiting) if (one.isOf(argv)) one.letGo();
  };
}
