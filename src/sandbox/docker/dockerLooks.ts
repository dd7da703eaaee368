import { type Dirent, existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type Docker from "dockerode";
import { errnoOf, messageOf } from "../../base/errors.ts";
import { isEnginesOwn } from "../../stop/engineRoute.ts";
import { findProcesses, isAlive, type Process } from "../../stop/processes.ts";
import { look, processesOf } from "../looks.ts";
import type { Look } from "../sandbox.ts";
import { mountPoints } from "./mountNamespace.ts";
import type { DockerRecord } from "./record.ts";

/**
 * What a container might leave, looked for on the machine by its id: a failed start of gVisor left its processes and the shim
 * running while the engine listed nothing (measured).
 */
export async function lookForContainer(
  docker: Docker,
  name: string,
  record: DockerRecord | undefined,
  answerMs: number,
): Promise<Look[]> {
  const engine = await lookAtEngine(docker, name, answerMs);
  if (record !== undefined) return [engine, ...lookForId(record)];
  const what = "processes, cgroups and mounts by container id";
  if (engine.status !== "clean")
    return [engine, { what, status: "not-looked", reason: "the container's id is not known" }];
  return [
    engine,
    { what, status: "clean", evidence: "it never got as far as an id that we know, so it was never started" },
  ];
}

/** Everything that bears the id: what runs inside, and shim, gofer and sentry around it. */
export function containerProcesses(id: string): Process[] {
  return findProcesses((p) => p.commandLine.includes(id) || p.cgroup.includes(id));
}

/** The engine's process beside a container, which sees what the engine sees. */
export function shimOf(id: string): number | undefined {
  return findProcesses((p) => p.commandLine.includes(id) && isEnginesOwn(p.commandLine))[0]?.pid;
}

/** The directories that hold this container alone, one for each cgroup hierarchy. */
export function cgroupsOf(pid: number, id: string): string[] {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  // cgroups(7): hierarchy:controllers:path; the path as seen from the root of that hierarchy.
  return lines.flatMap((line) => {
    const [, controllers, ...rest] = line.split(":");
    const path = rest.join(":");
    if (controllers === undefined || !path.includes(id)) return [];
    const directory = join(CGROUP_ROOT, controllers.replace(/^name=/, ""), path.slice(0, endOf(path, id)));
    return existsSync(directory) ? [directory] : [];
  });
}

/** Every control group of this container, whoever its processes were. */
export function cgroupsNamed(id: string): string[] {
  return directoriesHolding(CGROUP_ROOT, id);
}

const CGROUP_ROOT = "/sys/fs/cgroup";

/**
 * A container without control groups has no mark of the engine's on what runs inside; the kernel ends all that with the
 * first process (pid_namespaces(7)), which is buried only after the rest.
 */
function lookForId({ id, first, netns, mountNamespace }: DockerRecord): Look[] {
  const firstLives = () => (first !== undefined && isAlive(first) ? [`pid ${first.pid}`] : []);
  return [
    look("processes by container id", () => processesOf(id)),
    ...(first === undefined ? [] : [look("first process, and with it its process namespace", firstLives)]),
    look("cgroups by container id", () => cgroupsNamed(id)),
    look("mounts by container id", () => mountPoints(mountNamespace).filter((point) => point.includes(id))),
    look("network namespace", () => (netns === undefined ? [] : mountsAt(netns, mountNamespace))),
  ];
}

async function lookAtEngine(docker: Docker, name: string, answerMs: number): Promise<Look> {
  const what = "the engine's containers";
  try {
    const found = await docker.getContainer(name).inspect({ abortSignal: AbortSignal.timeout(answerMs) });
    return { what, status: "left", evidence: `${found.Id.slice(0, 12)} is ${found.State.Status}` };
  } catch (thrown) {
    if (thrown instanceof Error && "statusCode" in thrown && thrown.statusCode === 404)
      return { what, status: "clean", evidence: "404" };
    return { what, status: "not-looked", reason: messageOf(thrown) };
  }
}

/** As deep as engines nest: hierarchy, parent, slice, container. */
const CGROUP_DEPTH = 5;

function directoriesHolding(directory: string, id: string, depth = 0): string[] {
  return entriesOf(directory).flatMap((entry) => {
    if (!entry.isDirectory()) return [];
    const path = join(directory, entry.name);
    if (entry.name.includes(id)) return [path];
    return depth < CGROUP_DEPTH ? directoriesHolding(path, id, depth + 1) : [];
  });
}

/** None of a directory that another sandbox's end has removed since its parent was read. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (thrown) {
    if (directory !== CGROUP_ROOT && ["ENOENT", "ENODEV"].includes(errnoOf(thrown) ?? "")) return [];
    throw thrown;
  }
}

/** The engine leaves the empty file for a later clean-up of its own; the namespace is what is mounted on it. */
function mountsAt(file: string, mountNamespace: string | undefined): string[] {
  const points = new Set([
    file,
    file.replace(/^\/var\/run\//, "/run/"),
    existsSync(file) ? realpathSync(file) : file,
  ]);
  return mountPoints(mountNamespace).filter((one) => points.has(one));
}

/** Up to the end of the path component that holds the id: what lies below was made by the container itself. */
function endOf(path: string, id: string): number {
  const slash = path.indexOf("/", path.indexOf(id));
  return slash < 0 ? path.length : slash;
}
