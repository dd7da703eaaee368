import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { errnoOf, messageOf } from "../../base/errors.ts";
import { type ExecResult, exec } from "../../base/exec.ts";
import type { CheckRun, Observation } from "../../guest/observation.ts";
import { isInRange, parseRelease } from "../../guest/probe/process/kernel-range.ts";
import { COMPONENTS, type Component } from "./components.ts";

/**
 * What makes sandboxes on this machine, by the versions that the programs themselves tell, against the ranges in which
 * known flaws let a sandbox out. A version in a range is a condition and no verdict: distributions take fixes over under
 * old numbers, and their changelogs say so. Nothing is tried.
 */
export type Versions = { observations: Observation[]; checks: CheckRun[] };

export type Asker = {
  run(argv: [string, ...string[]]): Promise<ExecResult>;
  /** Undefined when there is no such file. */
  changelog(path: string): Promise<string | undefined>;
};

const CHECK = { check: "component-version", category: "process", from: "host" } as const;

/** A component that is not here has one row that says so. */
export async function askVersions(asker: Asker): Promise<Versions> {
  const asked = await Promise.all(COMPONENTS.map((component) => askComponent(component, asker)));
  return { observations: asked.flat(), checks: [{ ...CHECK, status: "ran", reason: "" }] };
}

async function askComponent(component: Component, asker: Asker): Promise<Observation[]> {
  const { name, argv, pattern, changelog, flaws } = component;
  const said = await versionOf(argv, pattern, asker);
  if (said.status === "absent") return [row(name, "", "absent", "not installed")];
  const version = said.status === "said" ? parseRelease(said.version) : undefined;
  if (version === undefined)
    return [row(name, "", "not-measured", said.status === "said" ? `calls itself ${said.version}` : said.reason)];
  const named = changelog.replace("*", said.status === "said" ? said.version : "");
  const fixes = await asker.changelog(`/usr/share/doc/${named}/changelog.Debian.gz`);
  return flaws.map((flaw) => {
    const shown = version.join(".");
    if (!isInRange(version, flaw)) return row(name, flaw.name, "absent", `${shown} is not in the upstream range`);
    if (fixes?.includes(flaw.name) === true)
      return row(
        name,
        flaw.name,
        "absent",
        `${shown} is in the upstream range, and its package's changelog names the fix`,
      );
    const status = fixes === undefined ? "not known" : "not named in its package's changelog";
    const detail = `condition present: ${shown} is in the upstream range; whether the package has the fix is ${status}`;
    return row(name, flaw.name, "not-measured", detail);
  });
}

type Said = { status: "said"; version: string } | { status: "absent" } | { status: "failed"; reason: string };

async function versionOf(argv: [string, ...string[]], pattern: RegExp, asker: Asker): Promise<Said> {
  try {
    const { stdout } = await asker.run(argv);
    const version = pattern.exec(stdout)?.[1];
    return version === undefined ? { status: "failed", reason: "says no version" } : { status: "said", version };
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return { status: "absent" };
    if (errnoOf(thrown) === undefined) throw thrown;
    return { status: "failed", reason: messageOf(thrown) };
  }
}

function row(name: string, flaw: string, verdict: "absent" | "not-measured", detail: string): Observation {
  const id = flaw === "" ? `component-version:${name}` : `component-version:${name}:${flaw}`;
  const subject = flaw === "" ? `${name} on this machine` : `${name} before the fix of ${flaw}`;
  return {
    id,
    category: CHECK.category,
    subject,
    verdict,
    access: [],
    from: CHECK.from,
    detail: detail.slice(0, 600),
  };
}

const VERSION_TIMEOUT_MS = 5_000;

/** This machine. */
export function thisMachine(signal: AbortSignal): Asker {
  return {
    run: (argv) => exec(argv, { timeoutMs: VERSION_TIMEOUT_MS, signal }),
    async changelog(path) {
      try {
        return (await promisify(gunzip)(await readFile(path), { maxOutputLength: 8 * 1024 * 1024 })).toString("utf8");
      } catch (thrown) {
        if (["ENOENT", "EACCES", "ERR_BUFFER_TOO_LARGE", "Z_DATA_ERROR"].includes(errnoOf(thrown) ?? ""))
          return undefined;
        throw thrown;
      }
    },
  };
}
