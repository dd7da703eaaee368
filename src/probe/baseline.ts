import { readFile, readlink } from "node:fs/promises";
import { errnoOf } from "../base/errors.ts";
import { TOOL_PATH } from "../base/exec.ts";
import type { Observation, ProbeReport } from "../guest/observation.ts";
import { NAMESPACES } from "../guest/probe/facts.ts";
import { type Measurement, measure, onThisHost, requestOf } from "./probe.ts";

/** What the host says of itself, so that nothing inside has to guess. What cannot be read is left out. */
export async function hostFacts(): Promise<{ namespaces: Record<string, string>; bootId?: string }> {
  const namespaces: Record<string, string> = {};
  for (const kind of NAMESPACES) {
    const link = await orMissing(readlink(`/proc/self/ns/${kind}`));
    const inode = link === undefined ? undefined : /\[(\d+)\]/.exec(link)?.[1];
    if (inode !== undefined) namespaces[kind] = inode;
  }
  const bootId = await orMissing(readFile("/proc/sys/kernel/random/boot_id", "utf8"));
  return bootId === undefined ? { namespaces } : { namespaces, bootId: bootId.trim() };
}

/** Undefined where this system has no such table or does not show it. */
async function orMissing(asked: Promise<string>): Promise<string | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (["ENOENT", "EACCES", "EPERM", "ENOTDIR"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/**
 * The same probe, on the host, passive: it asks for permission on sockets and connects to none. `home` and `workspace`
 * are where the stack itself lies.
 */
export async function hostBaseline(input: {
  bundle: { node: string; probe: string };
  home: string;
  workspace: string;
  signal: AbortSignal;
}): Promise<Measurement> {
  const { home, workspace } = input;
  const request = requestOf({ vantage: "host", isPassive: true, home, workspace, host: await hostFacts() });
  return measure(onThisHost(input.bundle, { PATH: TOOL_PATH, HOME: home }, input.signal), request);
}

/** Controls of questions that were put to the kernel, as opposed to tables that were read. */
const ATTEMPTS: ReadonlySet<string> = new Set([
  "control:file-read",
  "control:file-write",
  "control:directory-list",
  "control:connect",
]);

/**
 * A refusal inside says something about the sandbox only when the host could do the same. Where it could not, or was
 * not asked, the row becomes not-measured with the reason. Rows told from a kernel's table stand on their own.
 */
export function withBaseline(report: ProbeReport, baseline: ProbeReport): ProbeReport {
  const onHost = new Map(baseline.observations.map((row) => [row.id, row]));
  return { ...report, observations: report.observations.map((row) => againstHost(row, onHost.get(row.id))) };
}

function againstHost(row: Observation, host: Observation | undefined): Observation {
  if (row.verdict !== "denied" || row.control === undefined || !ATTEMPTS.has(row.control)) return row;
  if (host?.verdict === "reachable" || host?.verdict === "decoy-reached") return row;
  const { control: _, ...rest } = row;
  const why = host === undefined ? "was not asked on the host" : `reads ${host.verdict} on the host too`;
  return { ...rest, verdict: "not-measured", detail: `refused (${row.detail}), but it ${why}`.slice(0, 600) };
}
