import { setTimeout as sleep } from "node:timers/promises";
import { cutFirst } from "./cutFirst.ts";
import { type EngineAnswer, isEnginesOwn, removeContainer } from "./engineRoute.ts";
import type { OpenEntry } from "./journal.ts";
import { findProcesses, holdsName, killProcess, type Process } from "./processes.ts";
import { registeredAlive } from "./registered.ts";
import type { ProcessId } from "./stop.ts";

/** What must die. Read anew each round: a create that was under way may have put something there since. */
export type Doomed = { cycle: string; gateways: ProcessId[]; open: OpenEntry[] };

/** How one sandbox stands after a round. `not-looked`: its engine does not answer, or is a service that only the owner may ask. */
export type Standing = { name: string } & (
  | { status: "gone" }
  | { status: "left"; evidence: string }
  | { status: "not-looked"; reason: string }
);

export type Destruction = { isComplete: boolean; rounds: number; signalled: number; sandboxes: Standing[] };

const ROUND_MS = 40;
/** After this a survivor is reported and no longer waited for. */
const LIMIT_MS = 60_000;
const ENGINE_ASKS_MAX = 2;
/** How long an engine's own processes have to clean up after a container. */
const ENGINE_GRACE_MS = 2_000;

/**
 * Cuts egress first, and alone, then kills every open sandbox by all routes at once, round after round, until two looks in a row find
 * nothing. One look proves nothing: a create that was under way shows itself only in the next.
 */
export async function destroyAll(readDoomed: () => Doomed, limitMs = LIMIT_MS): Promise<Destruction> {
  const startedAtMs = performance.now();
  const startedAt = Date.now();
  const engines = engineRoutes();
  const signalled = new Set<string>();
  const kill = (id: ProcessId): void => {
    if (killProcess(id) === "signalled") signalled.add(`${id.pid} ${id.startTime}`);
  };
  let emptyLooks = 0;
  for (let rounds = 1; ; rounds++) {
    const doomed = readDoomed();
    if (rounds === 1) await cutFirst(doomed.gateways, kill);
    else for (const gateway of doomed.gateways) kill(gateway);
    const living = livingProcesses(doomed);
    const isEarly = performance.now() < startedAtMs + ENGINE_GRACE_MS;
    for (const { entry, processes } of living) {
      const isSparing = isEarly && entry?.hints.engineSocket !== undefined;
      const next = isSparing ? processes.filter(({ commandLine = "" }) => !isEnginesOwn(commandLine)) : processes;
      for (const one of next) kill(one);
    }
    const sandboxes = living.flatMap(({ entry, processes }) =>
      entry ? [standing(entry, processes, engines.answer(entry), startedAt)] : [],
    );
    const isEmpty =
      living.every(({ processes }) => processes.length === 0) && sandboxes.every((s) => s.status !== "left");
    // While an engine is thinking, its last answer is no second look.
    if (!isEmpty) emptyLooks = 0;
    else if (!engines.isPending()) emptyLooks++;
    if (emptyLooks === 2)
      return {
        isComplete: sandboxes.every((s) => s.status === "gone"),
        rounds,
        signalled: signalled.size,
        sandboxes,
      };
    if (performance.now() > startedAtMs + limitMs)
      return { isComplete: false, rounds, signalled: signalled.size, sandboxes };
    engines.ask(doomed.open);
    await sleep(ROUND_MS);
  }
}

function standing(
  entry: OpenEntry,
  processes: ProcessId[],
  engine: EngineAnswer | undefined,
  since: number,
): Standing {
  const { name, hints } = entry;
  if (processes.length > 0)
    return { name, status: "left", evidence: `pids ${processes.map((p) => p.pid).join(", ")}` };
  if (hints.leaseEndsWithinMs !== undefined) {
    const endsAt = new Date(since + hints.leaseEndsWithinMs).toISOString();
    return { name, status: "not-looked", reason: `it stands at an outside service: its lease ends it at ${endsAt}` };
  }
  if (!entry.isBorn && Date.parse(entry.deadline) > Date.now())
    return { name, status: "left", evidence: `may still be being created, until ${entry.deadline}` };
  if (entry.hints.engineSocket === undefined || engine?.status === "gone") return { name, status: "gone" };
  if (engine === undefined) return { name, status: "left", evidence: "its engine has not answered yet" };
  if (engine.status === "left") return { name, ...engine };
  return { name, status: "not-looked", reason: engine.reason };
}

type Living = ProcessId & { commandLine?: string };

/** Per sandbox what still runs of it, by all marks at once; and, without an entry, what bears the cycle's name and is in no journal. */
function livingProcesses(doomed: Doomed): { entry?: OpenEntry; processes: Living[] }[] {
  const prefix = `wd-${doomed.cycle}-`;
  const marked = findProcesses((p) => holdsMark(p, prefix) || doomed.open.some((entry) => bearsName(p, entry)));
  const perEntry = doomed.open.map((entry) => ({
    entry,
    processes: [...registeredAlive(entry), ...marked.filter((p) => bearsName(p, entry))],
  }));
  const strangers = marked.filter((p) => !doomed.open.some((entry) => bearsName(p, entry)));
  return [...perEntry, { processes: strangers }];
}

function bearsName({ commandLine, cgroup }: Process, { name, hints }: OpenEntry): boolean {
  if (holdsName(commandLine, name) || holdsName(cgroup, name)) return true;
  const mark = hints.commandLine;
  return mark !== undefined && mark !== "" && (holdsName(commandLine, mark) || holdsName(cgroup, mark));
}

function holdsMark({ commandLine, cgroup }: Process, mark: string): boolean {
  return commandLine.includes(mark) || cgroup.includes(mark);
}

type EngineCall = { isPending: boolean; silences: number; answer?: EngineAnswer };

/** One call at a time per container, anew each round; an engine that stays silent is asked twice and no more. */
function engineRoutes() {
  const calls = new Map<string, EngineCall>();
  const askOne = async (call: EngineCall, socket: string, name: string): Promise<void> => {
    call.isPending = true;
    call.answer = await removeContainer(socket, name);
    if (call.answer.status === "no-answer") call.silences++;
    call.isPending = false;
  };
  return {
    ask(open: readonly OpenEntry[]): void {
      for (const { name, hints } of open) {
        const call = calls.get(name) ?? { isPending: false, silences: 0 };
        calls.set(name, call);
        if (hints.engineSocket === undefined || call.isPending || call.silences === ENGINE_ASKS_MAX) continue;
        void askOne(call, hints.engineSocket, name);
      }
    },
    isPending: (): boolean => [...calls.values()].some((call) => call.isPending),
    /** The last answer; undefined before there is one. */
    answer: ({ name }: OpenEntry): EngineAnswer | undefined => calls.get(name)?.answer,
  };
}
