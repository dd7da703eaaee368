import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { count } from "../base/text.ts";
import { netnsHolders, netnsMembers } from "../stop/netns.ts";
import { holdsName, isAlive, livingProcesses, type Process } from "../stop/processes.ts";
import type { Life } from "./life.ts";
import { type Survey, surveyNow } from "./lookout.ts";
import type { Look } from "./sandbox.ts";

/** What any sandbox, whatever its driver, might leave on the machine: looked for by name and by what its life showed, asking no backend. */
export function genericLooks(name: string, runDirectory: string, life: Life, survey: Survey): Look[] {
  return [
    look("processes by name", () => processesOf(name, survey)),
    look("processes recorded at birth", () => life.processes.filter(isAlive).map(({ pid }) => `pid ${pid}`)),
    lookForNamespaces(life, survey),
    look("mounts", () => mountsOf(name, survey)),
    look("run directory", () => (existsSync(join(runDirectory, name)) ? [join(runDirectory, name)] : [])),
    look("temporary directories", () => survey.of(temporaryEntries).filter((entry) => holdsName(entry, name))),
  ];
}

/** Is anything still in a network namespace that was the sandbox's? */
function lookForNamespaces({ netns, aliveUntil }: Life, survey: Survey): Look {
  const what = "network namespaces";
  if (netns.length === 0) return { what, status: "clean", evidence: "no process of it was seen in one of its own" };
  let hidden = 0;
  const found = look(what, () =>
    netns.flatMap((inode) => {
      const holders = netnsHolders(inode, aliveUntil, survey.of(netnsMembers));
      hidden += holders.hidden;
      return holders.held.map((holder) => `${holder} is in net:[${inode}]`);
    }),
  );
  if (found.status !== "clean") return found;
  const unseen = hidden === 0 ? "" : `, of the processes that this user may ask (${hidden} it may not)`;
  return { ...found, evidence: `nothing is in ${netns.map((inode) => `net:[${inode}]`).join(", ")}${unseen}` };
}

/** One look as a row: `find` returns what is left; if it throws, nobody looked. */
export function look(what: string, find: () => string[]): Look {
  let left: string[];
  try {
    left = find();
  } catch (thrown) {
    return { what, status: "not-looked", reason: messageOf(thrown) };
  }
  if (left.length === 0) return { what, status: "clean", evidence: "none" };
  const shown = left.slice(0, 5).join(", ");
  return {
    what,
    status: "left",
    evidence: left.length > 5 ? `${shown} and ${count(left.length - 5, "more", "more")}` : shown,
  };
}

/** Living processes, as `pid N (command line)`, whose command line or cgroup holds the mark. */
export function processesOf(mark: string, survey: Survey = surveyNow()): string[] {
  if (!existsSync("/proc/1/stat")) throw new Error("/proc hides other users' processes (hidepid)");
  return bearing(mark, survey).map(({ pid, commandLine }) => `pid ${pid} (${commandLine.slice(0, 80)})`);
}

/** Those of a survey that bear the mark, in command line or cgroup, and still live. */
export function bearing(mark: string, survey: Survey): Process[] {
  const marked = survey
    .of(livingProcesses)
    .filter((p) => holdsName(p.commandLine, mark) || holdsName(p.cgroup, mark));
  return marked.filter(isAlive);
}

/** Lines of proc(5)'s mountinfo, as this process sees mounts. */
export function ownMounts(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8").split("\n");
}

function temporaryEntries(): string[] {
  return readdirSync(tmpdir());
}

function mountsOf(name: string, survey: Survey): string[] {
  const lines = survey.of(ownMounts);
  // proc(5): the fifth field is the mount point.
  return lines.filter((line) => holdsName(line, name)).map((line) => line.split(" ")[4] ?? line);
}
