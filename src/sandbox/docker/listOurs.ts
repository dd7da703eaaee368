import type Docker from "dockerode";
import type { DriverKind } from "../sandbox.ts";
import { LABEL } from "./container.ts";
import type { EngineFacts } from "./engine.ts";
import { recorded } from "./record.ts";

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
  const names = found.flatMap((container) => container.Names.map((name) => name.replace(/^\//, "")));
  const kept = recorded(runDirectory).filter(({ driver }) => isMine(driver));
  return [...new Set([...names, ...kept.map(({ name }) => name)])];
}
