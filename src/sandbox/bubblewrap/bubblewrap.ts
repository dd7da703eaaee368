import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { errnoOf, OperatorError } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import { type Cgroups, cgroupsOf, findCgroups } from "../cgroup.ts";
import {
  claim,
  destroyLocal,
  type Linked,
  type Local,
  listLocal,
  lookLocal,
  type Place,
  sandboxOf,
  startLinked,
  tailOf,
  within,
} from "../local.ts";
import { type Lookout, openLookout } from "../lookout.ts";
import { makeOwnRoot } from "../ownRoot.ts";
import type { Availability, Driver, Sandbox, SandboxSpec } from "../sandbox.ts";
import { nestedFilter, strictFilter } from "../seccomp.ts";
import { bwrapArgv, INFO_FD } from "./arguments.ts";

/**
 * bubblewrap: kernel namespaces set up by one small program, without a daemon, for root and for anyone who may make user
 * namespaces. The kernel is shared with the host, so it is the weakest isolation we call one.
 */
export function bubblewrapDriver(options: {
  runDirectory: string;
  program?: string;
  cgroups?: Cgroups;
  lookout?: Lookout;
}): Driver {
  const { runDirectory, lookout = openLookout() } = options;
  const cgroups = options.cgroups ?? findCgroups("bubblewrap");
  const local: Local = { kind: "bubblewrap", isolation: "container", runDirectory, cgroups, lookout };
  const program = options.program ?? "bwrap";
  const cannot = limitsOf(cgroups);
  return {
    kind: "bubblewrap",
    isolation: "container",
    cannot,
    check: (signal) => check(program, signal),
    async create(spec, signal) {
      refuse(spec);
      signal.throwIfAborted();
      const place = claim(local, spec);
      try {
        return await create(local, program, spec, place, signal);
      } catch (thrown) {
        await destroyLocal(local, spec.name);
        throw signal.aborted ? signal.reason : thrown;
      }
    },
    hints: (name) => ({ cgroups: cgroupsOf(cgroups, name), commandLine: name }),
    list: () => Promise.resolve(listLocal(local, program)),
    destroy: (name) => destroyLocal(local, name),
    look: (name) => lookLocal(local, name),
    lookout,
  };
}

function limitsOf(cgroups: Cgroups): { what: string; why: string }[] {
  const always = { what: "allow new privileges", why: "bwrap always sets no_new_privs" };
  if (cgroups.status === "usable") return [always];
  const why = cgroups.reason;
  // As root the guest's user is the host's, too, and a limit on that user's processes would count the host's.
  const pids = isRoot() ? [{ what: "limit pids", why }] : [];
  return [always, ...pids, { what: "limit memory", why }, { what: "limit cpus", why }];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function refuse(spec: SandboxSpec): void {
  if (spec.confinement.noNewPrivileges) return;
  throw new OperatorError(
    "bubblewrap cannot leave new privileges allowed",
    "use docker for a target that declares it",
  );
}

async function check(program: string, signal: AbortSignal): Promise<Availability> {
  const hint = "apt-get install -y bubblewrap";
  try {
    const { code, stdout, stderr } = await exec([program, "--version"], { signal, timeoutMs: 3_000 });
    if (code === 0) return { status: "ready", version: stdout.trim() };
    return { status: "missing", reason: `${program} --version: ${stderr.trim()}`, hint };
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    return { status: "missing", reason: `${program} is not installed`, hint };
  }
}

async function create(
  local: Local,
  program: string,
  spec: SandboxSpec,
  { directory, cgroups }: Place,
  signal: AbortSignal,
): Promise<Sandbox> {
  const root = await makeOwnRoot(spec, join(directory, "root"), signal);
  signal.throwIfAborted();
  const filterPath = join(directory, "filter.bpf");
  writeFileSync(filterPath, spec.confinement.seccomp === "nested" ? nestedFilter() : strictFilter());
  const argv = bwrapArgv(program, spec, root, { isRoot: isRoot() });
  const filter = openSync(filterPath, "r");
  let linked: Linked;
  try {
    linked = await startLinked(within(cgroups, spec.name, argv), filter, "pipe");
  } finally {
    closeSync(filter);
  }
  try {
    const pid = await born(linked.child, spec, signal);
    return sandboxOf(local, spec, linked, pid, () => destroyLocal(local, spec.name));
  } catch (thrown) {
    linked.channel.destroy();
    throw thrown;
  }
}

/** Host pid of the sandbox's process 1. */
async function born(child: Linked["child"], spec: SandboxSpec, signal: AbortSignal): Promise<number> {
  const said = tailOf(child.stderr);
  const onAbort = (): void => void child.kill("SIGKILL");
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  const pid = await firstPid(child.stdio[INFO_FD] as Readable);
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted();
  if (pid !== undefined) return pid;
  await new Promise((resolve) => child.once("close", resolve));
  throw new OperatorError(`bwrap did not start ${spec.name}: ${said().trim()}`, HINT);
}

const HINT = "user namespaces may be turned off: see kernel.unprivileged_userns_clone, or run as root";

const Info = z.object({ "child-pid": z.int().positive() });

/** Host pid of the sandbox's process 1; undefined when bwrap ended before there was one. Its namespaces are made by then. */
async function firstPid(info: Readable): Promise<number | undefined> {
  const said = await text(info);
  return said === "" ? undefined : Info.parse(JSON.parse(said))["child-pid"];
}
