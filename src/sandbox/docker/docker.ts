import { readFileSync } from "node:fs";
import { OperatorError } from "../../base/errors.ts";
import { type Lookout, openLookout } from "../lookout.ts";
import type { Availability, Driver, DriverKind, Isolation, Sandbox, SandboxSpec } from "../sandbox.ts";
import { attach } from "./attached.ts";
import { birthOf } from "./birth.ts";
import { containerOf } from "./container.ts";
import { createContainer } from "./createContainer.ts";
import { destroyContainer } from "./destroyContainer.ts";
import { cgroupsOf, lookForContainer, shimOf } from "./dockerLooks.ts";
import { ANSWER_MS, askEngine, type EngineFacts, engineClient } from "./engine.ts";
import { exitOf } from "./exit.ts";
import { listOurs, namesListing } from "./listOurs.ts";
import { sightOf } from "./mountNamespace.ts";
import { type DockerRecord, readRecord, writeRecord } from "./record.ts";
import { asOperatorError, isNameTaken } from "./refusal.ts";
import { heldImages } from "./rootImage.ts";
import { cannotOf, natureOf } from "./runtimes.ts";
import { isAtLeast, shownIsolation } from "./shownIsolation.ts";

/**
 * Sandboxes as containers of a Docker engine on this machine, with or without root, by any runtime that it has registered: runc
 * (namespaces), runsc (gVisor), kata (a virtual machine) and their like. The channel is the first process's standard input and
 * output through `attach`; there is no network, and nothing is ever copied in or out.
 */
export type DockerOptions = {
  /** The name under which the engine has registered it. */
  runtime: string;
  /** The engine's Unix socket. */
  socket: string;
  /** Where what belongs to one sandbox is kept, in a directory of its name; see record.ts. */
  runDirectory: string;
  /** The strict seccomp profile, in the engine's JSON form. */
  seccompPath: string;
  /** An image that the engine holds already, in place of the one imported from the spec's root file system. */
  image?: string;
  /** What the engine said when it was last asked; `check` asks it anew. Without, a runtime is taken for what its name says. */
  engine?: EngineFacts;
  lookout?: Lookout;
};

export function dockerDriver(options: DockerOptions): Driver {
  const { runtime, socket, runDirectory, lookout = openLookout() } = options;
  const kind: DriverKind = `docker-${runtime}`;
  const docker = engineClient(socket);
  const listing = namesListing(docker, ANSWER_MS);
  let facts = options.engine;
  /** Less than was claimed, once a start has shown it. */
  let shownLess: Isolation | undefined;
  /** Of those that this driver has ended: their records are gone, and they are still to be looked for. */
  const remembered = new Map<string, DockerRecord>();
  const images = heldImages(docker, options.image);
  const registered = () => facts?.runtimes.find(({ name }) => name === runtime);
  const isolation = () => shownLess ?? natureOf(runtime, registered()).isolation;
  const recordOf = (name: string) => {
    const record = readRecord(runDirectory, name) ?? remembered.get(name);
    if (record !== undefined) remembered.set(name, record);
    return record;
  };
  const destroy = (name: string) => {
    const record = recordOf(name);
    return destroyContainer(name, { socket: record?.socket ?? socket, runDirectory, record, lookout });
  };

  /** The runtime is what it was taken for, or nothing runs on it: a guest must not stand on weaker ground than was asked for. */
  function holdToClaim({ name }: SandboxSpec, id: string): void {
    const claimed = natureOf(runtime, registered());
    if (isAtLeast("container", isolation())) return;
    const shown = shownIsolation(name, id);
    if (isAtLeast(shown.isolation, isolation())) return;
    shownLess = shown.isolation;
    throw new OperatorError(
      `the engine's runtime ${runtime} is taken for a ${claimed.isolation} (${claimed.why}) and shows itself a ${shown.isolation}: ${shown.evidence}`,
      `let the engine's entry ${runtime} point to the real one; only root sees a virtual machine that is held`,
    );
  }

  async function start(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    const seccompProfile = JSON.stringify(JSON.parse(readFileSync(options.seccompPath, "utf8")));
    const taken = isolation();
    const container = await images.with(spec.rootfs, signal, (image) => {
      const body = containerOf(spec, { image, runtime, isolation: taken, kind, seccompProfile });
      return createContainer(docker, body, signal);
    });
    const record = { id: container.id, driver: kind, socket };
    writeRecord(runDirectory, spec.name, record);
    signal.throwIfAborted();
    const streams = await attach(socket, container.id, signal);
    try {
      await container.start({ abortSignal: signal });
      const { first, netns } = await birthOf(container, spec.name, signal, () => streams.stderrTail());
      const sight = sightOf(netns, () => shimOf(container.id));
      writeRecord(runDirectory, spec.name, { ...record, first, ...(netns === undefined ? {} : { netns }), ...sight });
      holdToClaim(spec, container.id);
      return {
        name: spec.name,
        role: spec.role,
        driver: kind,
        isolation: taken,
        pid: first.pid,
        channel: streams.channel,
        exited: exitOf(container, first),
        hints: { engineSocket: socket, commandLine: container.id, cgroups: cgroupsOf(first.pid, container.id) },
        stderrTail: () => streams.stderrTail(),
        kill() {
          streams.channel.destroy();
          return destroy(spec.name);
        },
      };
    } catch (thrown) {
      streams.channel.destroy();
      throw thrown;
    }
  }

  return {
    kind,
    get isolation() {
      return isolation();
    },
    get cannot() {
      return cannotOf(isolation(), registered(), facts);
    },
    async check(signal) {
      const answer = await askEngine(socket, signal);
      if (answer.status === "missing") return answer;
      facts = answer.facts;
      return availability(facts, options);
    },
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
        throw asOperatorError(thrown, { name: spec.name, runtime, isRootless: facts?.isRootless === true });
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    },
    list: () => listOurs(docker, { kind, facts, runDirectory, answerMs: ANSWER_MS }),
    destroy,
    look(name) {
      const record = recordOf(name);
      const isHere = record === undefined || record.socket === socket;
      const listed = isHere ? listing : namesListing(engineClient(record.socket), ANSWER_MS);
      return lookForContainer(name, record, { listing: listed, lookout });
    },
    lookout,
  };
}

function availability(
  { version, runtimes, isRootless }: EngineFacts,
  { runtime, socket }: DockerOptions,
): Availability {
  const isThere = runtimes.some(({ name }) => name === runtime) || takesShim(runtime, version);
  if (isThere)
    return { status: "ready", version: `Docker ${version}${isRootless ? " without root" : ""}, ${runtime}` };
  const hint = `register ${runtime} under "runtimes" in the engine's daemon.json and restart it`;
  return { status: "missing", reason: `the engine at ${socket} has no runtime ${runtime}`, hint };
}

/** From 23.0 on an engine takes the name of a containerd shim without an entry of its own. */
function takesShim(runtime: string, version: string): boolean {
  return /^io\.containerd\.[a-z0-9-]+\.v\d+$/.test(runtime) && Number.parseInt(version, 10) >= 23;
}
