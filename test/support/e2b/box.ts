import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { isAlive, killProcess, processId } from "../../../src/stop/processes.ts";
import type { ProcessId } from "../../../src/stop/stop.ts";

/**
 * What stands for a virtual machine of E2B's: a root of its own in namespaces of its own, without any network but `lo`, on
 * this machine's programs, read-only. Whoever is started in it is its root, as by E2B's daemon.
 */
export type Box = {
  /** Starts a program in it. */
  start(
    argv: readonly string[],
    options: { cwd?: string; env?: Record<string, string> },
  ): ChildProcessWithoutNullStreams;
  isAlive(): boolean;
  /** All of it, at once. */
  kill(): void;
};

/** Directories of this machine by the path at which a template has them, read-only. */
export type Template = {
  directories?: Readonly<Record<string, string>> /** Runs when the machine starts. */;
  boot?: string;
};

const INFO_FD = 3;

export async function makeBox(template: Template): Promise<Box> {
  const disk = mkdtempSync(join(tmpdir(), "e2b-box-"));
  for (const directory of ["opt", "tmp", "home", "root"]) mkdirSync(join(disk, directory));
  const child = spawn("bwrap", argvOf(disk, template), { stdio: ["ignore", "pipe", "inherit", "pipe"] });
  child.once("exit", () => rmSync(disk, { recursive: true, force: true }));
  // Its namespaces are told of before its root stands.
  const [said] = await Promise.all([text(child.stdio[INFO_FD] as Readable), once(child.stdout as Readable, "data")]);
  const pid = (JSON.parse(said) as { "child-pid": number })["child-pid"];
  const id = processId(pid);
  if (id === undefined) throw new Error("the box ended as it started");
  const box = boxOf(id);
  if (template.boot !== undefined) await once(box.start(["sh", "-c", template.boot], {}).stdout, "data");
  return box;
}

function argvOf(disk: string, { directories = {} }: Template): string[] {
  const merged = ["bin", "sbin", "lib", "lib64"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]);
  const own = ["opt", "tmp", "home", "root"].flatMap((name) => ["--bind", join(disk, name), `/${name}`]);
  const given = Object.entries(directories).flatMap(([path, source]) => ["--ro-bind", source, path]);
  const apart = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"];
  const ground = [
    "--tmpfs",
    "/",
    "--ro-bind",
    "/usr",
    "/usr",
    "--ro-bind",
    "/etc",
    "/etc",
    ...merged,
    ...own,
    ...given,
  ];
  const kernel = ["--proc", "/proc", "--dev", "/dev", "--info-fd", String(INFO_FD), "--chdir", "/"];
  return [...apart, "--cap-add", "ALL", ...ground, ...kernel, "--", "sh", "-c", "echo up; exec sleep infinity"];
}

function boxOf(init: ProcessId): Box {
  const enter = ["--target", String(init.pid), "--mount", "--pid", "--net", "--ipc", "--uts", "--root"];
  return {
    start(argv, { cwd = "/", env = {} }) {
      const args = [...enter, "--wd", "--", "env", `--chdir=${cwd}`, ...argv];
      return spawn("nsenter", args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env }, stdio: "pipe" });
    },
    isAlive: () => isAlive(init),
    kill: () => void killProcess(init),
  };
}
