import { type Dirent, existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { errnoOf, messageOf } from "../../base/errors.ts";
import { isEnginesOwn } from "../../stop/engineRoute.ts";
import { findProcesses, isAlive, livingProcesses, type Process } from "../../stop/processes.ts";
import { type Lookout, type Survey, surveyNow } from "../lookout.ts";
import { look, processesOf } from "../looks.ts";
import type { Look } from "../sandbox.ts";
import type { Listed } from "./listOurs.ts";
import { mountPoints } from "./mountNamespace.ts";
import type { DockerRecord } from "./record.ts";

/**
 * What a container might leave, looked for on the machine by its id: a failed start of gVisor left its processes and the shim
 * running while the engine listed nothing (measured).
 */
export async function lookForContainer(
  name: string,
  record: DockerRecord | undefined,
  { listing, lookout }: { listing: () => Promise<Listed[]>; lookout: Lookout },
): Promise<Look[]> {
  const [engine, survey] = await Promise.all([lookAtEngine(name, listing), lookout.survey()]);
  if (record !== undefined) return [engine, ...lookForId(record, survey)];
  const what = "processes, cgroups and mounts by container id";
  if (engine.status !== "clean")
    return [engine, { what, status: "not-looked", reason: "the container's id is not known" }];
  return [
    engine,
    { what, status: "clean", evidence: "it never got as far as an id that we know, so it was never started" },
  ];
}

/** Everything that bears the id: what runs inside, and shim, gofer and sentry around it. */
export function containerProcesses(id: string, survey: Survey = surveyNow()): Process[] {
  return survey
    .of(livingProcesses)
    .filter((p) => (p.commandLine.includes(id) || p.cgroup.includes(id)) && isAlive(p));
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
export function cgroupsNamed(id: string, survey: Survey): string[] {
  const directories = survey.of(allCgroups);
  const named = directories.filter((path) => basename(path).includes(id));
  // What lies below was made by the container itself.
  return named.filter((path) => !named.some((other) => path.startsWith(`${other}/`)));
}

const CGROUP_ROOT = "/sys/fs/cgroup";

/**
 * A container without control groups has no mark of the engine's on what runs inside; the kernel ends all that with the
 * first process (pid_namespaces(7)), which is buried only after the rest.
 */
function lookForId({ id, first, netns, mountNamespace }: DockerRecord, survey: Survey): Look[] {
  const firstLives = () => (first !== undefined && isAlive(first) ? [`pid ${first.pid}`] : []);
  return [
    look("processes by container id", () => processesOf(id, survey)),
    ...(first === undefined ? [] : [look("first process, and with it its process namespace", firstLives)]),
    look("cgroups by container id", () => cgroupsNamed(id, survey).filter((path) => existsSync(path))),
    look("mounts by container id", () => mountPoints(mountNamespace, survey).filter((point) => point.includes(id))),
    look("network namespace", () => (netns === undefined ? [] : mountsAt(netns, mountNamespace, survey))),
  ];
}

async function lookAtEngine(name: string, listing: () => Promise<Listed[]>): Promise<Look> {
  const what = "the engine's containers";
  try {
    const found = (await listing()).filter((one) => one.names.includes(name));
    const evidence = found.map(({ id, state }) => `${id.slice(0, 12)} is ${state}`).join(", ");
    if (found.length > 0) return { what, status: "left", evidence };
    return { what, status: "clean", evidence: "none of that name is listed" };
  } catch (thrown) {
    return { what, status: "not-looked", reason: messageOf(thrown) };
  }
}

/** As deep as engines nest: hierarchy, parent, slice, container. */
const CGROUP_DEPTH = 5;

function allCgroups(): string[] {
  return directoriesBelow(CGROUP_ROOT, 0);
}

function directoriesBelow(directory: string, depth: number): string[] {
  return entriesOf(directory).flatMap((entry) => {
    if (!entry.isDirectory()) return [];
    const path = join(directory, entry.name);
    return depth < CGROUP_DEPTH ? [path, ...directoriesBelow(path, depth + 1)] : [path];
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
function mountsAt(file: string, mountNamespace: string | undefined, survey: Survey): string[] {
  const points = new Set([
    file,
    file.replace(/^\/var\/run\//, "/run/"),
    existsSync(file) ? realpathSync(file) : file,
  ]);
  return mountPoints(mountNamespace, survey).filter((one) => points.has(one));
}

/** Up to the end of the path component that holds the id: what lies below was made by the container itself. */
function endOf(path: string, id: string): number {
  const slash = path.indexOf("/", path.indexOf(id));
  return slash < 0 ? path.length : slash;
}
