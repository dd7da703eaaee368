import { copyFileSync, createReadStream, existsSync, lstatSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { OperatorError } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import { GUEST_DIR } from "../../guest/wire.ts";
import { bwrapArgv } from "../bubblewrap/arguments.ts";
import { makeOwnRoot, type OwnRoot } from "../ownRoot.ts";
import type { Mount, SandboxSpec } from "../sandbox.ts";
import { strictFilter } from "../seccomp.ts";
import { accepted, type Daemon } from "./daemon.ts";
import { quoted, type Tools } from "./egress.ts";
import { runRemote } from "./remote.ts";
import { bwrapParts } from "./tools.ts";

/**
 * What a machine of E2B's needs to become a sandbox of ours. The machine itself is only the outer wall; the guest stands
 * within it as bubblewrap would have it stand here, by the same arguments: own namespaces, the network's among them, so that
 * the machine's interface is not its own; a read-only root; the same filter. All of it goes in as archives by the daemon's
 * files API, and nothing ever comes back.
 */
export type Furnished = { tools: Tools /** What starts the guest. */; argv: [string, ...string[]] };

/** In the machine. A template may have guests here already, each in a directory of its own name: those are not sent. */
const PLACE = "/opt/weakdoor";
const BOX = `${PLACE}/box`;

/** The machine's first process is found by its id and not by a name, so that the name stays here. */
const NAME_INSIDE = "sandbox";

/** `stage` is a directory of this sandbox alone. Throws OperatorError for what cannot be taken there. */
export async function furnish(
  daemon: Daemon,
  spec: SandboxSpec,
  stage: string,
  signal: AbortSignal,
): Promise<Furnished> {
  const guest = `${PLACE}/${basename(spec.guest)}`;
  const own = await makeOwnRoot(spec, join(stage, "root"), signal);
  const [seen] = await Promise.all([lookAround(daemon, guest, signal), packOwn(stage, signal)]);
  if (!seen.hasGuest) await send(daemon, await guestArchive(spec.guest, signal), guest, signal);
  await send(daemon, `${stage}.tar.gz`, BOX, signal);
  const mounts = await sendMounts(daemon, own, { stage, guest: spec.guest, guestInside: guest }, signal);
  const carried = (library: string, program: string) => [`${library}/ld.so`, "--library-path", library, program];
  const tools: Tools = {
    node: carried(`${guest}/lib`, `${guest}/node`),
    bwrap: carried(`${BOX}/tools`, `${BOX}/tools/bwrap`),
  };
  const inside = { ...spec, name: NAME_INSIDE };
  const rights = { isRoot: true, isThere: (path: string) => seen.proc.has(path) };
  const [, ...bwrap] = bwrapArgv("bwrap", inside, { path: `${BOX}/root`, mounts }, rights);
  // The daemon starts it from a thread that may end, and a parent's end is told by the thread (prctl(2)).
  const words = [...tools.bwrap, ...bwrap.filter((word) => word !== "--die-with-parent")];
  return { tools, argv: ["/bin/sh", "-c", `exec "$@" 3<${BOX}/filter.bpf 4>/dev/null`, NAME_INSIDE, ...words] };
}

type Seen = { hasGuest: boolean /** What of /proc there is to be masked. */; proc: ReadonlySet<string> };

async function lookAround(daemon: Daemon, guest: string, signal: AbortSignal): Promise<Seen> {
  const script = `uname -m; [ -d ${guest} ] && echo guest || echo none; ls -d /proc/[a-z]*`;
  const [machine = "", has, ...proc] = (await done(daemon, script, signal)).split("\n");
  const ours = { x64: "x86_64", arm64: "aarch64" }[process.arch as string];
  if (machine !== ours)
    throw new OperatorError(
      `E2B's machine is ${machine} and this one ${process.arch}, so nothing of ours runs there`,
      "run weakdoor on a machine of E2B's architecture",
    );
  return { hasGuest: has === "guest", proc: new Set(proc) };
}

/** A script that must not fail. */
async function done(daemon: Daemon, script: string, signal: AbortSignal): Promise<string> {
  const { code, stdout, stderr } = await runRemote(daemon, script, signal);
  if (code === 0) return stdout;
  throw new OperatorError(
    `E2B's machine could not be furnished: ${stderr.trim().slice(-300)}`,
    "its template needs sh and tar, and room in /opt",
  );
}

/** Everything but the mounts: the root with a place for each of them, the filter, and the program that builds the box. */
async function packOwn(stage: string, signal: AbortSignal): Promise<void> {
  writeFileSync(join(stage, "filter.bpf"), strictFilter());
  mkdirSync(join(stage, "tools"));
  for (const [name, source] of await bwrapParts()) copyFileSync(source, join(stage, "tools", name));
  await pack(["-C", stage, "."], `${stage}.tar.gz`, signal);
}

/** Beside the guest, which nobody writes to once it is there; made once. */
async function guestArchive(guest: string, signal: AbortSignal): Promise<string> {
  const path = `${guest}.tar.gz`;
  if (existsSync(path)) return path;
  const making = `${path}.${process.pid}-${Math.floor(performance.now() * 1_000)}.tmp`;
  try {
    await pack(["-C", guest, "."], making, signal);
    await rename(making, path);
  } finally {
    await rm(making, { force: true });
  }
  return path;
}

type Ways = { stage: string; guest: string; guestInside: string };

/** The mounts as they are in the machine: each of a copy there. */
async function sendMounts(daemon: Daemon, root: OwnRoot, ways: Ways, signal: AbortSignal): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const [index, mount] of root.mounts.entries()) {
    if (mount.kind === "tmpfs") mounts.push(mount);
    else if (mount.source === ways.guest && mount.path === GUEST_DIR)
      mounts.push({ ...mount, source: ways.guestInside });
    else {
      const place = `${BOX}/mounts/${index}`;
      const isDirectory = statSync(mount.source).isDirectory();
      refuseSocket(mount.source);
      const [from, what] = isDirectory ? [mount.source, "."] : [dirname(mount.source), basename(mount.source)];
      const archive = join(ways.stage, `mount-${index}.tar.gz`);
      await pack(["-C", from, what], archive, signal);
      await send(daemon, archive, place, signal);
      mounts.push({ ...mount, source: isDirectory ? place : `${place}/${what}` });
    }
  }
  return mounts;
}

const NO_SOCKETS = "only files and directories can be copied there; use an isolation on this machine";

function refuseSocket(path: string): void {
  if (lstatSync(path).isSocket())
    throw new OperatorError(`${path} is a socket and cannot be taken to E2B`, NO_SOCKETS);
}

/** Fast rather than small: most of it is Node's binary, which shrinks to 40 % either way. */
async function pack(what: readonly string[], path: string, signal: AbortSignal): Promise<void> {
  const argv = ["tar", "--numeric-owner", "-I", "gzip -1", "-cf", path, ...what] as const;
  const { code, stderr } = await exec(argv, { signal, timeoutMs: 120_000 });
  const socket = /^tar: (.*): socket ignored$/m.exec(stderr)?.[1];
  if (socket !== undefined) throw new OperatorError(`${socket} is a socket and cannot be taken to E2B`, NO_SOCKETS);
  if (code !== 0)
    throw new OperatorError(`cannot pack ${path}: ${stderr.trim().slice(-300)}`, "see whether the disk is full");
}

/** Sends an archive and unpacks it at a place that is not there yet. */
async function send(daemon: Daemon, archive: string, place: string, signal: AbortSignal): Promise<void> {
  const landed = `${place}.tar.gz`;
  await upload(daemon, archive, landed, signal);
  const at = quoted(place);
  await done(daemon, `set -e; mkdir -p ${at}; tar -xpzf ${quoted(landed)} -C ${at}; rm ${quoted(landed)}`, signal);
}

const BOUNDARY = "weakdoor-archive-8d1f0c7b";

/** As a form, which every version of the daemon takes. */
async function upload(daemon: Daemon, from: string, to: string, signal: AbortSignal): Promise<void> {
  const part = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="archive"\r\ncontent-type: application/octet-stream\r\n\r\n`;
  const [head, tail] = [Buffer.from(part), Buffer.from(`\r\n--${BOUNDARY}--\r\n`)];
  const { outgoing, answer } = daemon.call(`/files?username=root&path=${encodeURIComponent(to)}`, {
    headers: {
      "content-type": `multipart/form-data; boundary=${BOUNDARY}`,
      "content-length": head.length + statSync(from).size + tail.length,
    },
    signal,
  });
  const body = async function* () {
    yield head;
    for await (const chunk of createReadStream(from, { highWaterMark: 1024 * 1024 })) yield chunk as Buffer;
    yield tail;
  };
  const [incoming] = await Promise.all([answer, pipeline(body, outgoing)]);
  await accepted(incoming, `the upload of ${basename(from)}`);
}
