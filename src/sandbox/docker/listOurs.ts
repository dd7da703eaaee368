import type Docker from "dockerode";
import { sharedLook } from "../lookout.ts";
import type { DriverKind } from "../sandbox.ts";
import { LABEL } from "./container.ts";
import type { EngineFacts } from "./engine.ts";
import { recorded } from "./record.ts";

/** A container as an engine lists it. */
export type Listed = { id: string; names: string[]; state: string };

/**
 * Whatever bears a name such as ours, labelled or not, running or not: one listing for all that end at once, begun after the
 * last of them has asked. Rejects when the engine does not answer in time.
 */
export function namesListing(docker: Docker, answerMs: number): () => Promise<Listed[]> {
  return sharedLook(async () => {
    const filters = { name: ["wd-"] };
    const listed = await docker.listContainers({ all: true, filters, abortSignal: AbortSignal.timeout(answerMs) });
    return listed.map((one) => ({ id: one.Id, names: one.Names.map(plain), state: one.State }));
  });
}

/** An engine writes a slash before a name. */
function plain(name: string): string {
  return name.replace(/^\//, "");
}

/**
 * Names of the containers of one driver, by the engine's word and by our own records. Those of a runtime that is registered no
 * more have no driver of their own; they are found with runc's, which every engine has.
 */
export async function listOurs(
  docker: Docker,
  about: { kind: DriverKind; facts: EngineFacts | undefined; runDirectory: string; answerMs: number },
): Promise<string[]> {
  const { kind, facts, runDirectory, answerMs } = about;
  const drivers = facts === undefined ? undefined : new Set(facts.runtimes.map(({ name }) => `docker-${name}`));
  const isMine = (driver: string | undefined) =>
    driver === kind || (kind === "docker-runc" && drivers !== undefined && !drivers.has(driver ?? ""));
  const filters = { label: [LABEL.driver] };
  const listed = await docker.listContainers({ all: true, filters, abortSignal: AbortSignal.timeout(answerMs) });
  const found = listed.filter(({ Labels: labels }) => isMine(labels[LABEL.driver]));
  const names = found.flatMap((container) => container.Names.map(plain));
  const kept = recorded(runDirectory).filter(({ driver }) => isMine(driver));
  return [...new Set([...names, ...kept.map(({ name }) => name)])];
}
