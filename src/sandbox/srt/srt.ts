import { chmodSync, closeSync, openSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { OperatorError } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import { findProcesses } from "../../stop/processes.ts";
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
import type { Availability, Driver, Mount, Sandbox, SandboxSpec } from "../sandbox.ts";
import { nestedFilter } from "../seccomp.ts";
import { findParts, INSTALL_HINT, KIT_DIR, makeKit, type Parts, SRT_PACKAGE, SRT_PROGRAM } from "./kit.ts";
import { guestFirst, roomArgv } from "./room.ts";
import { settingsOf, wantedTools } from "./settings.ts";

/**
 * srt, the sandbox that Claude Code puts around its commands: the real program with the agent's own settings, in a room of
 * ours that has nothing of the host in it (room.ts). The shim is srt's command, so whatever runs inside runs under srt's
 * rules. Its proxies run in the room, which has no network either: what the settings allow is asked for and not reached, unless
 * whoever made the sandbox joins a simulated internet to the room.
 */
export function srtDriver(options: {
  runDirectory: string;
  /** Where another version of srt lies, the agent's own; the default is the one beside our own packages. */
  packageDirectory?: string;
  cgroups?: Cgroups;
  lookout?: Lookout;
}): Driver {
  const { runDirectory, lookout = openLookout() } = options;
  const cgroups = options.cgroups ?? findCgroups("srt");
  const local: Local = { kind: "srt", isolation: "container", runDirectory, cgroups, lookout };
  return {
    kind: "srt",
    isolation: "container",
    cannot: limitsOf(cgroups),
    check: (signal) => check(options.packageDirectory, signal),
    async create(spec, signal) {
      refuse(spec);
      signal.throwIfAborted();
      const parts = await partsOf(options.packageDirectory);
      const place = claim(local, spec);
      try {
        return await create(local, { spec, parts, place }, signal);
      } catch (thrown) {
        await destroyLocal(local, spec.name);
        throw signal.aborted ? signal.reason : thrown;
      }
    },
    hints: (name) => ({ cgroups: cgroupsOf(cgroups, name), commandLine: name }),
    list: () => Promise.resolve(listLocal(local, SRT_PROGRAM)),
    destroy: (name) => destroyLocal(local, name),
    look: (name) => lookLocal(local, name),
    lookout,
  };
}

function limitsOf(cgroups: Cgroups): { what: string; why: string }[] {
  const always = [
    { what: "allow new privileges", why: "bwrap always sets no_new_privs" },
    { what: "keep capabilities", why: "srt drops them all" },
    {
      what: "leave system calls unfiltered",
      why: "the host's kernel is safe from srt's sandbox only behind our filter",
    },
    { what: "open unix sockets", why: "srt refuses them unless its settings allow all of them" },
    {
      what: "empty the bounding set",
      why: "srt's helper runs the command in a user namespace, which begins with a full one",
    },
    {
      what: "be process 1",
      why: "srt's helper is; it holds the capabilities of its user namespace and shows nothing of itself",
    },
    { what: "be root of what is mounted", why: "root inside is nobody to the host" },
  ];
  if (cgroups.status === "usable") return always;
  const why = cgroups.reason;
  const pids = isRoot() ? [{ what: "limit pids", why }] : [];
  return [...always, ...pids, { what: "limit memory", why }, { what: "limit cpus", why }];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function refuse({ confinement }: SandboxSpec): void {
  const asked = [
    ...(confinement.noNewPrivileges ? [] : ["leave new privileges allowed"]),
    ...(confinement.capabilities.length === 0 ? [] : [`keep ${confinement.capabilities.join(", ")}`]),
    ...(confinement.seccomp === "strict" ? [] : ["leave system calls unfiltered"]),
  ];
  if (asked.length === 0) return;
  throw new OperatorError(`srt cannot ${asked.join(" or ")}`, "use docker for a target that declares it");
}

async function check(packageDirectory: string | undefined, signal: AbortSignal): Promise<Availability> {
  const found = await findParts(packageDirectory);
  if (found.status === "missing")
    return { status: "missing", reason: `not installed: ${found.missing.join(", ")}`, hint: INSTALL_HINT };
  const { code, stdout, stderr } = await exec(["bwrap", "--version"], { signal, timeoutMs: 3_000 });
  if (code !== 0) return { status: "missing", reason: `bwrap --version: ${stderr.trim()}`, hint: INSTALL_HINT };
  return { status: "ready", version: `${SRT_PACKAGE} ${found.parts.version}, ${stdout.trim()}` };
}

async function partsOf(packageDirectory: string | undefined): Promise<Parts> {
  const found = await findParts(packageDirectory);
  if (found.status === "found") return found.parts;
  throw new OperatorError(`srt cannot start: not installed: ${found.missing.join(", ")}`, INSTALL_HINT);
}

type Plan = { spec: SandboxSpec; parts: Parts; place: Place };

async function create(local: Local, { spec, parts, place }: Plan, signal: AbortSignal): Promise<Sandbox> {
  const { directory, cgroups } = place;
  const kit = join(directory, "kit");
  await mkdir(kit);
  await makeKit(kit, parts);
  signal.throwIfAborted();
  const settingsPath = join(kit, "settings.json");
  writeFileSync(settingsPath, JSON.stringify(settingsOf(spec)));
  chmodSync(settingsPath, 0o444);
  const mounts = [...spec.mounts, ...toolMounts(kit, spec)];
  const root = await makeOwnRoot({ ...spec, mounts }, join(directory, "root"), signal);
  const filterPath = join(directory, "filter.bpf");
  writeFileSync(filterPath, nestedFilter());
  signal.throwIfAborted();
  const inside = { root, settingsPath: `${KIT_DIR}/settings.json` };
  const argv = roomArgv("bwrap", spec, inside, { isRoot: isRoot() });
  const filter = openSync(filterPath, "r");
  let linked: Linked;
  try {
    linked = await startLinked(within(cgroups, spec.name, argv), filter, "pipe");
  } finally {
    closeSync(filter);
  }
  try {
    await spoken(linked, spec, signal);
    return sandboxOf(local, spec, linked, firstPid(spec), () => destroyLocal(local, spec.name));
  } catch (thrown) {
    linked.channel.destroy();
    throw thrown;
  }
}

/** The kit, and its tools at the places where the settings look for them. */
function toolMounts(kit: string, spec: SandboxSpec): Mount[] {
  const wanted = wantedTools(settingsOf(spec)).map(({ tool, path }) => ({ source: join(kit, "bin", tool), path }));
  return [{ source: kit, path: KIT_DIR }, ...wanted].map((place) => ({ kind: "bind", ...place, mode: "ro" }));
}

/**
 * Resolves when the guest's first byte is there, which is left where it is. srt refuses settings, and its bwrap what it
 * cannot make, only once they run: then there is no byte, and what it said is the reason.
 */
async function spoken({ child, channel }: Linked, spec: SandboxSpec, signal: AbortSignal): Promise<void> {
  const said = tailOf(child.stderr);
  const onAbort = (): void => void child.kill("SIGKILL");
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  const ended = new Promise<"ended">((resolve) => child.once("close", () => resolve("ended")));
  const outcome = await Promise.race([firstByte(channel), ended]);
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted();
  if (outcome === "there") return;
  await ended;
  const hint = spec.settings === undefined ? HINT : SETTINGS_HINT;
  throw new OperatorError(`srt did not start ${spec.name}: ${said().trim().slice(-800)}`, hint);
}

const HINT =
  "user namespaces may be turned off: see kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns";
const SETTINGS_HINT = `if it speaks of its settings, put them right: \`npx ${SRT_PACKAGE} --settings FILE true\` says the same of that file`;

function firstByte(channel: Duplex): Promise<"there" | "ended"> {
  return new Promise((resolve) => {
    const onReadable = (): void => done(channel.readableLength > 0 ? "there" : "ended");
    const onEnd = (): void => done("ended");
    const done = (outcome: "there" | "ended"): void => {
      channel.off("readable", onReadable).off("close", onEnd).off("error", onEnd);
      resolve(outcome);
    };
    channel.on("readable", onReadable).once("close", onEnd).once("error", onEnd);
  });
}

/** Host pid of the shim's own first process, inside srt's sandbox: that is where a look from outside is to be taken. */
function firstPid(spec: SandboxSpec): number {
  const commandLine = guestFirst(spec).join(" ");
  const [first] = findProcesses((one) => one.commandLine === commandLine).toSorted((a, b) => a.pid - b.pid);
  if (first === undefined) throw new Error(`${spec.name} speaks and is not in /proc`);
  return first.pid;
}
