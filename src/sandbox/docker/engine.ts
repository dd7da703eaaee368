import { Agent } from "node:http";
import Docker from "dockerode";
import { z } from "zod";
import { errnoOf, messageOf } from "../../base/errors.ts";
import { type Driver, isDriverKind } from "../sandbox.ts";

/** What an engine says of itself, as far as it decides how we use it. Its word: what a runtime really is, a start shows. */
export type EngineFacts = {
  version: string;
  runtimes: readonly Registered[];
  /** It and its containers run as a user, in a user namespace. */
  isRootless: boolean;
  /** Limits that it cannot set, whatever the runtime. */
  cannot: Driver["cannot"];
};

/** An entry under "runtimes". A `type` is a containerd shim, a `path` a program that is called as runc is. */
export type Registered = { name: string; path?: string; type?: string; args?: readonly string[] };

export type EngineAnswer =
  | { status: "answers"; facts: EngineFacts }
  | { status: "missing"; reason: string; hint: string };

export const DEFAULT_ENGINE_SOCKET = "/var/run/docker.sock";

/** An engine may accept a connection and never answer (measured with a stopped one). */
export const ANSWER_MS = 3_000;

/** A connection for each call: one kept open from before an engine's restart would fail the first call after it. */
export function engineClient(socket: string): Docker {
  // The types of dockerode leave out the agent, too, which its docker-modem takes.
  const options: Docker.DockerOptions & { agent: Agent } = {
    socketPath: socket,
    agent: new Agent({ keepAlive: false }),
  };
  return new Docker(options);
}

/** `GET /info`, within 3 s. Throws only the signal's reason. */
export async function askEngine(socket: string, signal: AbortSignal): Promise<EngineAnswer> {
  const isPath = socket.startsWith("/");
  if (!isPath) {
    const hint = "set docker.socket in weakdoor.yaml, or DOCKER_HOST=unix:///path/of/the.sock";
    return missing(`${schemeOf(socket)} is not a Unix socket of this machine, and nothing else is used`, hint);
  }
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  try {
    const info = Info.safeParse(await (engineClient(socket) as unknown as Informant).info({ abortSignal }));
    if (info.success) return { status: "answers", facts: factsOf(info.data) };
    return missing(`what answers at ${socket} is no Docker engine`, "name the engine's own socket in docker.socket");
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    const reason = abortSignal.aborted ? `it did not answer within ${ANSWER_MS} ms` : messageOf(thrown);
    return missing(`no Docker engine at ${socket}: ${reason.slice(0, 300)}`, hintFor(errnoOf(thrown)));
  }
}

/** The types of dockerode leave out the options that its `info` takes. */
type Informant = { info(options: { abortSignal: AbortSignal }): Promise<unknown> };

const Entry = z.object({
  path: z.string().optional(),
  runtimeType: z.string().optional(),
  runtimeArgs: z.array(z.string()).nullish(),
});

/** Of `/info` (Docker Engine API, SystemInfo): what an engine leaves out, it has. */
const Info = z.object({
  ServerVersion: z.string(),
  Runtimes: z.record(z.string(), Entry).nullish(),
  SecurityOptions: z.array(z.string()).nullish(),
  CgroupDriver: z.string().optional(),
  CgroupVersion: z.string().optional(),
  MemoryLimit: z.boolean().default(true),
  CpuCfsQuota: z.boolean().default(true),
  PidsLimit: z.boolean().default(true),
});

/** Throws ZodError when it is not what an engine says. */
export function factsFrom(info: unknown): EngineFacts {
  return factsOf(Info.parse(info));
}

function factsOf(info: z.infer<typeof Info>): EngineFacts {
  const isRootless = (info.SecurityOptions ?? []).some((option) => /^name=rootless(?:,|$)/.test(option));
  const limits = [
    { what: "limit memory", isThere: info.MemoryLimit, field: "MemoryLimit" },
    { what: "limit cpus", isThere: info.CpuCfsQuota, field: "CpuCfsQuota" },
    { what: "limit pids", isThere: info.PidsLimit, field: "PidsLimit" },
  ];
  const groups = `CgroupDriver ${info.CgroupDriver ?? "not told"}, cgroup version ${info.CgroupVersion ?? "not told"}`;
  const who = isRootless ? "the engine runs without root and has no such control group" : "the engine says so";
  return {
    version: info.ServerVersion.slice(0, 100),
    runtimes: Object.entries(info.Runtimes ?? {}).flatMap(([name, entry]) => registered(name, entry)),
    isRootless,
    cannot: limits
      .filter(({ isThere }) => !isThere)
      .map(({ what, field }) => ({ what, why: `${who} (${field} false, ${groups})` })),
  };
}

/** The names under which an engine itself lists runc once more (20.10 does), the second of them without a program behind it. */
const ALIASES_OF_RUNC = /^io\.containerd\.(?:runc\.v\d|runtime\.v1\.linux)$/;

/** One whose name is no driver's cannot be asked for. */
function registered(name: string, { path, runtimeType, runtimeArgs }: z.infer<typeof Entry>): Registered[] {
  if (ALIASES_OF_RUNC.test(name) || !isDriverKind(`docker-${name}`)) return [];
  return [
    {
      name,
      ...(path === undefined || path === "" ? {} : { path }),
      ...(runtimeType === undefined || runtimeType === "" ? {} : { type: runtimeType }),
      ...(runtimeArgs?.length ? { args: runtimeArgs } : {}),
    },
  ];
}

function missing(reason: string, hint: string): EngineAnswer {
  return { status: "missing", reason, hint };
}

/** Without what follows: that may name a user or a host. */
function schemeOf(host: string): string {
  return /^[a-z+]{1,10}:\/\//.exec(host)?.[0] ?? "a relative path";
}

function hintFor(code: string | undefined): string {
  if (code === "EACCES") return "run as a user who may use the engine";
  if (code === "ENOENT" || code === "ECONNREFUSED")
    return "start the engine, or use bubblewrap or runsc, which need none";
  return "restart the engine, or use bubblewrap or runsc, which need none";
}
