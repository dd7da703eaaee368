import { type ChildProcessByStdio, type SpawnOptions, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex, Readable, Writable } from "node:stream";
import { sleep } from "../base/clock.ts";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { TOOL_PATH } from "../base/exec.ts";
import { findProcesses, killProcess, processId } from "../stop/processes.ts";
import { buried } from "./buried.ts";
import { type Cgroups, cgroupsOf, listCgroups, makeCgroups, removeCgroups } from "./cgroup.ts";
import type { Lookout } from "./lookout.ts";
import { bearing, look, processesOf } from "./looks.ts";
import type { DriverKind, Exit, Isolation, Look, Sandbox, SandboxSpec } from "./sandbox.ts";
import { socketPair } from "./socketPair.ts";

/**
 * What the backends without a daemon share: where a sandbox's own things lie, how its processes are found by name, and how
 * it ends. Everything of one sandbox is in `<run directory>/<name>`, in control groups of that name, and in processes that
 * bear it.
 */
export type Local = {
  kind: DriverKind;
  isolation: Isolation;
  runDirectory: string;
  cgroups: Cgroups;
  lookout: Lookout;
};

/** Says in a sandbox's directory whose it is. */
const MARK = "driver";

export function directoryOf(local: Local, name: string): string {
  if (!/^wd-[A-Za-z0-9][A-Za-z0-9.-]*$/.test(name))
    throw new OperatorError(`${name} is no name of a sandbox of ours`, "names begin with wd-");
  return join(local.runDirectory, name);
}

/** Where one sandbox keeps its things, and the control groups its processes are to enter; none when they are unusable. */
export type Place = { directory: string; cgroups: string[] };

/** Makes both. Throws OperatorError when the name is in use; then nothing of it may be destroyed. */
export function claim(local: Local, spec: SandboxSpec): Place {
  const directory = directoryOf(local, spec.name);
  mkdirSync(local.runDirectory, { recursive: true, mode: 0o700 });
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (thrown) {
    if (errnoOf(thrown) !== "EEXIST") throw thrown;
    throw new OperatorError(`there is a sandbox ${spec.name} already`, "weakdoor sweep", { cause: thrown });
  }
  writeFileSync(join(directory, MARK), local.kind);
  return { directory, cgroups: makeCgroups(local.cgroups, spec.name, spec.limits) };
}

/** An argv that enters the control groups and then becomes `argv`; what that starts is in them from its first instruction. */
export function within(cgroups: readonly string[], name: string, argv: readonly string[]): [string, ...string[]] {
  const script =
    'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 >"$1/cgroup.procs" || exit 125; shift; n=$((n-1)); done; exec "$@"';
  return ["/bin/sh", "-c", script, name, String(cgroups.length), ...cgroups, ...argv];
}

export type Linked = { child: ChildProcessByStdio<null, null, Readable>; channel: Duplex };

/**
 * Starts a program whose standard input and output are one end of a socket pair; `channel` is the other. Standard error is a
 * pipe, and `more` are its further descriptors. Rejects when there are no descriptors left; then nothing was started.
 */
export async function startLinked(
  [program, ...args]: readonly [string, ...string[]],
  ...more: ("pipe" | number)[]
): Promise<Linked> {
  const { near, far } = await socketPair();
  const options: SpawnOptions = { cwd: "/", env: { PATH: TOOL_PATH }, stdio: [far, far, "pipe", ...more] };
  const child = spawn(program, args, options) as ChildProcessByStdio<null, null, Readable>;
  far.destroy();
  return { child, channel: near };
}

/** The sandbox whose first process's standard input and output are the other end of `channel`, and whose standard error is `child`'s. */
export function sandboxOf(
  local: Local,
  spec: SandboxSpec,
  { child, channel }: { child: ChildProcessByStdio<Writable | null, Readable | null, Readable>; channel: Duplex },
  pid: number,
  end: () => Promise<void>,
): Sandbox {
  const exited = new Promise<Exit>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null)
      resolve({ code: child.exitCode, signal: child.signalCode });
    else child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  // The channel's users see its close; one that nobody has taken up yet must not bring the process down.
  channel.on("error", () => undefined);
  const stderrTail = tailOf(child.stderr);
  const first = processId(pid);
  let ending: Promise<void> | undefined;
  return {
    name: spec.name,
    role: spec.role,
    driver: local.kind,
    isolation: local.isolation,
    pid,
    channel,
    exited,
    hints: { cgroups: cgroupsOf(local.cgroups, spec.name) },
    stderrTail,
    kill() {
      channel.destroy();
      // That takes no look at the process table: of many that end at once, all are dead before the first such look.
      if (first !== undefined) killProcess(first);
      // One that is dying has lost its command line before it is gone, and one without control groups has nothing else by
      // which its name could be found: so the one that we know is asked for by itself.
      return (ending ??= sleep(0)
        .then(end)
        .then(() => buried(first === undefined ? [] : [first], KILL_ROUNDS_MS)));
    },
  };
}

const TAIL_BYTES = 16 * 1024;

/** The last 16 KiB that came. */
export function tailOf(stream: Readable): () => string {
  let tail = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
  });
  stream.on("error", () => undefined);
  return () => tail.toString("utf8");
}

const KILL_ROUNDS_MS = 2_000;
/** What forks may have a child by then that nobody has seen. */
const KILL_ROUND_MS = 100;

/** Kills every process that bears the name or is in its control groups, until none is left, then removes what it had on disk. */
export async function destroyLocal(local: Local, name: string): Promise<void> {
  const directory = directoryOf(local, name);
  const endsAtMs = performance.now() + KILL_ROUNDS_MS;
  while (performance.now() < endsAtMs) {
    const living = bearing(name, await local.lookout.survey());
    if (living.length === 0) break;
    for (const one of living) killProcess(one);
    await buried(living, KILL_ROUND_MS);
  }
  await removeCgroups(cgroupsOf(local.cgroups, name));
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}

/** Names of what has a directory with our mark or a control group, and of living processes of `program` unless another backend's mark is on it: one calls the other's program. */
export function listLocal(local: Local, program: string): string[] {
  const names = new Set([...markedDirectories(local), ...listCgroups(local.cgroups)]);
  const runs = (text: string): boolean =>
    text.split(" ").some((word) => word === program || word.endsWith(`/${program}`));
  for (const { commandLine } of findProcesses((p) => runs(p.commandLine))) {
    const name = NAME_IN_TEXT.exec(commandLine)?.[0];
    if (name !== undefined && (markOf(local, name) ?? local.kind) === local.kind) names.add(name);
  }
  return [...names];
}

const NAME_IN_TEXT = /(?<![\w-])wd-[\w.-]+?-(?:target|lab|scratch)-\d+(?![\w-])/;

/** Names of what has a directory with our mark in this run directory. */
export function markedDirectories(local: Local): string[] {
  if (!existsSync(local.runDirectory)) return [];
  return readdirSync(local.runDirectory).filter(
    (name) => name.startsWith("wd-") && markOf(local, name) === local.kind,
  );
}

/** The backend that made its directory; undefined when there is none. */
function markOf(local: Local, name: string): string | undefined {
  const mark = join(local.runDirectory, name, MARK);
  return existsSync(mark) ? readFileSync(mark, "utf8") : undefined;
}

export async function lookLocal(local: Local, name: string): Promise<Look[]> {
  const survey = await local.lookout.survey();
  const directories = cgroupsOf(local.cgroups, name);
  return [
    look(`${local.kind} processes`, () => processesOf(name, survey)),
    look("control groups", () => directories.filter((directory) => existsSync(directory))),
  ];
}
