import { sleep } from "../../base/clock.ts";
import { ENGINE_DEADLINE_MS, type EngineAnswer, isEnginesOwn, removeContainer } from "../../stop/engineRoute.ts";
import { isAlive, killProcess, type Process } from "../../stop/processes.ts";
import { buried } from "../buried.ts";
import { removeCgroups } from "../cgroup.ts";
import type { Lookout, Survey } from "../lookout.ts";
import { cgroupsNamed, containerProcesses } from "./dockerLooks.ts";
import { type DockerRecord, dropRecord } from "./record.ts";

type Parts = { socket: string; runDirectory: string; record: DockerRecord | undefined; lookout: Lookout };

const POLL_MS = 25;
const REAP_MS = 1_000;
/** So often is looked for others than those that are known to be dying. */
const BURIAL_MS = 100;
/** What a shim whose container is removed needs to end by itself. */
const FAREWELL_MS = 300;

/**
 * Ends a container by two routes: its processes by SIGKILL from the host, which works at once and without the engine (and
 * frees an engine that hangs over a gVisor start), then the engine's removal by force. The shim, whose task it is to tell the
 * engine of the death, is killed last and only if it stays. Resolves also when something is left: the looks say so.
 */
export async function destroyContainer(name: string, parts: Parts): Promise<void> {
  const { socket, runDirectory, record, lookout } = parts;
  const living = async () => (record === undefined ? [] : processesOf(record, await lookout.survey()));
  // That takes no look at the process table: of many that end at once, all are dead before the first such look.
  if (record?.first !== undefined) killProcess(record.first);
  for (const one of await living()) if (!isEnginesOwn(one.commandLine)) killProcess(one);
  const answer = await removeUntilGone(socket, name);
  const startedAtMs = performance.now();
  const sparedUntilMs = startedAtMs + (answer.status === "gone" ? FAREWELL_MS : 0);
  let left = await living();
  while (left.length > 0 && performance.now() < startedAtMs + REAP_MS) {
    const isSparing = performance.now() < sparedUntilMs;
    for (const one of left) if (!isSparing || !isEnginesOwn(one.commandLine)) killProcess(one);
    await buried(left, BURIAL_MS);
    left = await living();
  }
  if (answer.status !== "gone") return;
  // A runtime that died half-way through a create leaves its control groups behind, and the engine does not know of them.
  if (record !== undefined) await removeCgroups(cgroupsNamed(record.id, await lookout.survey()));
  if (left.length === 0) dropRecord(runDirectory, name);
}

/** Beside those that bear the id, its first process: without control groups nothing of the engine's marks that. */
function processesOf({ id, first }: DockerRecord, survey: Survey): Process[] {
  const marked = containerProcesses(id, survey);
  if (first === undefined || !isAlive(first) || marked.some(({ pid }) => pid === first.pid)) return marked;
  return [...marked, { ...first, commandLine: "", cgroup: "" }];
}

/** A removal that is already under way answers 409: asked again until it is through or the time of one route is up. */
async function removeUntilGone(socket: string, name: string): Promise<EngineAnswer> {
  const endsAtMs = performance.now() + ENGINE_DEADLINE_MS;
  for (;;) {
    const leftMs = endsAtMs - performance.now();
    const answer = await removeContainer(socket, name, Math.max(1, Math.ceil(leftMs)));
    if (answer.status !== "left" || performance.now() > endsAtMs) return answer;
    await sleep(POLL_MS);
  }
}
