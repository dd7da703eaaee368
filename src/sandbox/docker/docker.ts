import { readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import Docker from "dockerode";
import { z } from "zod";
import { errnoOf, messageOf, OperatorError } from "../../base/errors.ts";
import type { Availability, Driver, Sandbox, SandboxSpec } from "../sandbox.ts";
import { attached } from "./attached.ts";
import { containerOf, LABEL, RUNSC_PIDS_MIN, type Runtime } from "./container.ts";
import { destroyContainer } from "./destroyContainer.ts";
import { cgroupsOf, lookForContainer } from "./dockerLooks.ts";
import { exitOf } from "./exit.ts";
import { type DockerRecord, readRecord, recordedNames, writeRecord } from "./record.ts";
import { imageFor, type Tags } from "./rootImage.ts";

/**
 * Sandboxes as containers of a Docker engine on this machine, by runc (namespaces) or by runsc (gVisor). The channel is the first
 * process's standard input and output through `attach`; there is no network, and nothing is ever copied in or out.
 */
export type DockerOptions = {
  runtime: Runtime;
  /** The engine's Unix socket. */
  socket: string;
  /** Where what belongs to one sandbox is kept, in a directory of its name; see record.ts. */
  runDirectory: string;
  /** The strict seccomp profile, in the engine's JSON form. */
  seccompPath: string;
  /** An image that the engine holds already, in place of the one imported from the spec's root file system. */
  image?: string;
};

export const DEFAULT_ENGINE_SOCKET = "/var/run/docker.sock";

const CANNOT: Record<Runtime, Driver["cannot"]> = {
  runc: [],
  runsc: [
    { what: "show no_new_privs", why: "builds of before 2024 do not tell it in /proc" },
    { what: "filter system calls inside", why: "gVisor's own kernel stands in its place" },
    { what: "limit pids", why: `gVisor's own threads count, so it is never under ${RUNSC_PIDS_MIN}` },
    { what: "pass unix sockets in", why: "gVisor opens none of the host's" },
  ],
};

/** An engine may accept a connection and never answer (measured with a stopped one). */
const ANSWER_MS = 3_000;

export function dockerDriver(options: DockerOptions): Driver {
  const { runtime, socket, runDirectory } = options;
  const kind = runtime === "runsc" ? "docker-runsc" : "docker-runc";
  const isolation = runtime === "runsc" ? "gvisor" : "container";
  const docker = new Docker({ socketPath: socket });
  /** Of those that this driver has ended: their records are gone, and they are still to be looked for. */
  const remembered = new Map<string, DockerRecord>();
  const tags: Tags = new Map();
  const recordOf = (name: string) => {
    const record = readRecord(runDirectory, name) ?? remembered.get(name);
    if (record !== undefined) remembered.set(name, record);
    return record;
  };
  const destroy = (name: string) => destroyContainer(name, { socket, runDirectory, record: recordOf(name) });

  async function start(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    const image = await imageFor(docker, { wanted: options.image, rootfs: spec.rootfs, tags }, signal);
    const seccompProfile = JSON.stringify(JSON.parse(readFileSync(options.seccompPath, "utf8")));
    const body = containerOf(spec, { image, runtime, kind, seccompProfile });
    const container = await createContainer(docker, body, signal);
    writeRecord(runDirectory, spec.name, { id: container.id, driver: kind });
    signal.throwIfAborted();
    const stream = await container.attach({
      stream: true,
      stdin: true,
      stdout: true,
      stderr: true,
      hijack: true,
      abortSignal: signal,
    });
    const streams = attached(stream as Duplex);
    await container.start({ abortSignal: signal });
    const { State: state, NetworkSettings: network } = await container.inspect({ abortSignal: signal });
    if (state.Pid === 0)
      throw new OperatorError(
        `${spec.name} ended as it started: ${streams.stderrTail().trim() || `exit ${state.ExitCode}`}`,
        "see the engine's log",
      );
    writeRecord(runDirectory, spec.name, { id: container.id, driver: kind, netns: network.SandboxKey });
    return {
      name: spec.name,
      role: spec.role,
      driver: kind,
      isolation,
      pid: state.Pid,
      channel: streams.channel,
      exited: exitOf(container, state.Pid),
      hints: { engineSocket: socket, commandLine: container.id, cgroups: cgroupsOf(state.Pid, container.id) },
      stderrTail: () => streams.stderrTail(),
      kill: () => destroy(spec.name),
    };
  }

  return {
    kind,
    isolation,
    cannot: CANNOT[runtime],
    check: (signal) => checkEngine(docker, options, signal),
    hints: () => ({ engineSocket: socket }),
    async create(spec, signal) {
      // A signal of its own: the caller's may well fire later, when the connection is the channel.
      const during = new AbortController();
      const onAbort = () => during.abort(signal.reason);
      if (signal.aborted) throw signal.reason;
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        return await start(spec, during.signal);
      } catch (thrown) {
        // The name is another one's, and so is what bears it.
        if (!isNameTaken(thrown)) await destroy(spec.name);
        if (signal.aborted) throw signal.reason;
        throw asOperatorError(thrown, spec, runtime);
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    },
    async list() {
      const filters = { label: [`${LABEL.driver}=${kind}`] };
      const found = await docker.listContainers({ all: true, filters, abortSignal: AbortSignal.timeout(ANSWER_MS) });
      const names = found.flatMap((container) => container.Names.map((name) => name.replace(/^\//, "")));
      return [...new Set([...names, ...recordedNames(runDirectory, kind)])];
    },
    destroy,
    look: (name) => lookForContainer(docker, name, recordOf(name), ANSWER_MS),
  };
}

/** Is waited for also when `signal` aborts, for a while: the engine makes it whether or not we hang up, and may do so after our look. */
function createContainer(
  docker: Docker,
  body: Docker.ContainerCreateOptions,
  signal: AbortSignal,
): Promise<Docker.Container> {
  const given = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => given.reject(signal.reason), ANSWER_MS);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([docker.createContainer(body), given.promise]).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  });
}

const EngineInfo = z.object({ ServerVersion: z.string(), Runtimes: z.record(z.string(), z.unknown()).optional() });

/** The types of dockerode leave out the options that its `info` takes. */
type Informant = { info(options: { abortSignal: AbortSignal }): Promise<unknown> };

async function checkEngine(
  docker: Docker,
  { socket, runtime }: DockerOptions,
  signal: AbortSignal,
): Promise<Availability> {
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  try {
    const info = EngineInfo.parse(await (docker as unknown as Informant).info({ abortSignal }));
    if (info.Runtimes?.[runtime] !== undefined)
      return { status: "ready", version: `Docker ${info.ServerVersion}, ${runtime}` };
    const hint = `register ${runtime} under "runtimes" in the engine's daemon.json and restart it`;
    return { status: "missing", reason: `the engine at ${socket} has no runtime ${runtime}`, hint };
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    const reason = abortSignal.aborted ? `it did not answer within ${ANSWER_MS} ms` : messageOf(thrown);
    return { status: "missing", reason: `no Docker engine at ${socket}: ${reason}`, hint: hintFor(errnoOf(thrown)) };
  }
}

function hintFor(code: string | undefined): string {
  if (code === "EACCES") return "run as a user who may use the engine";
  if (code === "ENOENT" || code === "ECONNREFUSED")
    return "start the engine, or use bubblewrap or runsc, which need none";
  return "restart the engine, or use bubblewrap or runsc, which need none";
}

function isNameTaken(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    "statusCode" in thrown &&
    thrown.statusCode === 409 &&
    /name .* already in use/.test(thrown.message)
  );
}

/** What the engine refuses is for a person to put right; anything else is a bug of ours. */
function asOperatorError(thrown: unknown, spec: SandboxSpec, runtime: Runtime): unknown {
  if (!(thrown instanceof Error) || !("statusCode" in thrown)) return thrown;
  return new OperatorError(
    `the engine does not start ${spec.name} with ${runtime}: ${thrown.message}`,
    "see the engine's log",
    { cause: thrown },
  );
}
