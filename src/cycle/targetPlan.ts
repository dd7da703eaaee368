import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plantSentinel } from "../canaries/sentinel.ts";
import { type StandIn, standInSocket } from "../decoys/standIn.ts";
import type { Confinement, Mount } from "../sandbox/sandbox.ts";
import type { Clone, Declared, DeclaredResource, Unrepeatable } from "../stack/stack.ts";
import type { Other } from "./faithful.ts";
import { clonedAt, isFileName } from "./mountPoints.ts";
import { narrowerThan } from "./narrower.ts";
import type { Chosen } from "./targetDriver.ts";
import { weaknessesOf } from "./weakGround.ts";

/**
 * The target: the agent's own sandbox as its stack declares it, with nothing of the host in it. What the declaration
 * takes from the home or the workspace comes from the clone; a host socket, a host directory, a volume is a stand-in of ours at
 * the same place; a device is left out and said.
 */
export type TargetPlan = {
  mounts: Mount[];
  /** Sockets that ring when they are connected to. */
  standIns: StandIn[];
  /** Directories in the place of the host's, each with a file that rings when it is read. */
  sentinels: { path: string; stop(): void }[];
  /** What was declared and is not repeated, with the reason. */
  notRepeated: Unrepeatable[];
  confinement: Confinement;
  /** Where the room is narrower than what is declared: a refusal in it says nothing about the real one. */
  narrower: Other[];
  /** Where it is wider: what is open in it says nothing about the real one. */
  wider: Other[];
  /** What makes the declared confinement weak; not empty: only our own probe and drills run in it, unless it is nested. */
  weakGround: string[];
};

export type PlanOptions = {
  declared: Declared;
  chosen: Chosen;
  clone: Pick<Clone, "home" | "workspace">;
  /** A directory of ours for stand-ins, outside the clone. */
  directory: string;
  /** The image's root, which has files of its own where a stand-in may be wanted. */
  rootfs: string;
  /** Called when a stand-in is touched, with the path at which it stands inside. */
  onTouch: (path: string) => void;
};

export async function planTarget(options: PlanOptions): Promise<TargetPlan> {
  const { declared, chosen, directory } = options;
  const plan: TargetPlan = {
    mounts: [{ kind: "tmpfs", path: "/tmp", sizeMiB: 64 }, ...placesOfTheAgent(options)],
    standIns: [],
    sentinels: [],
    notRepeated: [...declared.unrepeatable, ...chosen.rows],
    confinement: {
      capabilities: declared.capabilities,
      noNewPrivileges: declared.noNewPrivileges,
      seccomp: declared.seccomp === "none" ? "none" : "strict",
      // A tool that confines by itself closes its own root.
      readOnlyRoot: declared.readOnlyRoot && !chosen.isTool,
    },
    narrower: [...narrowerThan(declared), ...chosen.narrower],
    wider: [...chosen.wider],
    weakGround: weaknessesOf(declared),
  };
  const taken = new Set(plan.mounts.map((mount) => mount.path));
  for (const [index, resource] of declared.resources.entries()) {
    if (taken.has(resource.path) && resource.kind !== "device") {
      if (resource.path === "/tmp" && resource.kind !== "volume")
        plan.notRepeated.push({ what: `${resource.source} at /tmp`, why: "every room has a /tmp of its own" });
      continue;
    }
    taken.add(resource.path);
    await addResource(plan, resource, { ...options, at: join(directory, `r${index}`) });
  }
  return plan;
}

/** Home and workspace: from the clone where the declaration brings them in, else a home of ours, as an image has one. */
function placesOfTheAgent({ declared, chosen, clone, directory }: PlanOptions): Mount[] {
  const { homePath, workspacePath, resources } = declared;
  const modeAt = (path: string) =>
    chosen.isTool
      ? "rw"
      : (resources
          .filter((resource) => resource.logical !== undefined && resource.kind !== "hidden")
          .filter((resource) => path === resource.path || path.startsWith(`${resource.path}/`))
          .toSorted((a, b) => b.path.length - a.path.length)
          .at(0)?.mode ?? "rw");
  const home = join(directory, "home");
  mkdirSync(home, { recursive: true, mode: 0o777 });
  const declaredHome = resources.find(({ path, kind }) => path === homePath && kind !== "volume");
  const homeSource = (declaredHome && clonedAt(declaredHome, clone)) ?? home;
  return [
    {
      kind: "bind",
      source: existsSync(homeSource) && statSync(homeSource).isDirectory() ? homeSource : home,
      path: homePath,
      mode: modeAt(homePath),
    },
    { kind: "bind", source: clone.workspace, path: workspacePath, mode: modeAt(workspacePath) },
  ];
}

type ResourceContext = PlanOptions & { at: string };

async function addResource(plan: TargetPlan, resource: DeclaredResource, context: ResourceContext): Promise<void> {
  const { clone, at, onTouch, chosen } = context;
  const { path, mode, kind } = resource;
  const isSocket = kind === "engine-socket" || kind === "agent-socket";
  // What the tool opens and closes in its own world is its to do: that world is whole.
  if (chosen.isTool && !isSocket) return;
  const why = impossibleAt(path, context);
  if (kind !== "device" && why !== undefined)
    return void plan.notRepeated.push({ what: `${resource.source} at ${path}`, why });
  const bind = (source: string) => void plan.mounts.push({ kind: "bind", source, path, mode });
  switch (kind) {
    case "workspace":
    case "home-directory":
      return bind(cloned(clone, resource, at));
    case "engine-socket":
    case "agent-socket": {
      const limit = chosen.driver.cannot.find(({ what }) => what === "pass unix sockets in");
      if (limit !== undefined) {
        plan.notRepeated.push({ what: `${resource.source} at ${path}`, why: limit.why });
        plan.narrower.push(...["engine-socket", "agent-socket", "unix-socket"].map((of) => ({ of, why: limit.why })));
        return;
      }
      mkdirSync(at, { mode: 0o755 });
      const standIn = await standInSocket(join(at, "s"), () => onTouch(path));
      plan.standIns.push(standIn);
      return bind(standIn.path);
    }
    case "host-directory":
      if (isFileName(resource.source)) {
        writeFileSync(at, "", { mode: 0o666 });
        return bind(at);
      }
      mkdirSync(at, { mode: 0o777 });
      plantIn(plan, at, resource, onTouch);
      return bind(at);
    case "volume":
      mkdirSync(at, { mode: 0o777 });
      return bind(at);
    case "hidden": {
      const source = clonedAt(resource, clone);
      if (source === undefined || !existsSync(source)) return;
      if (statSync(source).isDirectory()) mkdirSync(at, { mode: 0o755 });
      else writeFileSync(at, "", { mode: 0o444 });
      return bind(at);
    }
    case "device":
      plan.notRepeated.push({
        what: `device ${resource.source}`,
        why: "a device has no stand-in, and a real one is never handed in",
      });
  }
}

/** A file that nobody has a reason to read, in the place of a directory of the host: reading it rings. */
function plantIn(
  plan: TargetPlan,
  directory: string,
  { source, path }: DeclaredResource,
  onTouch: (path: string) => void,
) {
  const planted = plantSentinel(join(directory, "notes.txt"), "# kept by hand\n", () => onTouch(path));
  if (planted.status === "blind") {
    plan.notRepeated.push({ what: `a bell in ${source}`, why: planted.reason });
    return;
  }
  plan.sentinels.push({ path, stop: () => planted.sentinel.stop() });
}

/** Every sandbox has these of its own. */
const OWN = /^\/(proc|sys|dev)(\/|$)/;

function impossibleAt(path: string, { rootfs, declared, clone }: ResourceContext): string | undefined {
  if (path === "/" || OWN.test(path)) return "every sandbox has its own there";
  const outer = [declared.homePath, declared.workspacePath].some((place) => path.startsWith(`${place}/`));
  const there = join(rootfs, path);
  const isFile = !outer && existsSync(there) && statSync(there).isFile();
  const resource = declared.resources.find((candidate) => candidate.path === path);
  const source = resource === undefined ? undefined : clonedAt(resource, clone);
  const isFileOfClone = source !== undefined && existsSync(source) && statSync(source).isFile();
  return isFile && !isFileOfClone ? "our image has a file of its own there" : undefined;
}

/** Where the resource lies in the clone; an empty directory of ours when the clone holds nothing there. */
function cloned(clone: PlanOptions["clone"], resource: DeclaredResource, at: string): string {
  const source = clonedAt(resource, clone);
  if (source !== undefined && existsSync(source)) return source;
  mkdirSync(at, { recursive: true, mode: 0o777 });
  return at;
}
