import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { type Certificate, certify } from "../../src/sandbox/certificate.ts";
import { dockerDriver } from "../../src/sandbox/docker/docker.ts";
import { askEngine, type EngineFacts } from "../../src/sandbox/docker/engine.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import type { Driver } from "../../src/sandbox/sandbox.ts";
import { STRICT_PROFILE_PATH } from "../../src/sandbox/seccomp.ts";

/** What tests of the docker driver stand on: one directory that an engine of another user can read, and what is made there. */
export type DockerBed = {
  home: string;
  image: Image;
  facts: EngineFacts;
  driver(runtime: string, socket?: string): Driver;
  certificate(driver: Driver, name: string): Promise<Certificate>;
  remove(): void;
};

export async function dockerBed(socket: string): Promise<DockerBed> {
  const home = mkdtempSync(join(tmpdir(), "wddk-"));
  chmodSync(home, 0o755);
  const runDirectory = join(home, "run");
  const answer = await askEngine(socket, new AbortController().signal);
  if (answer.status === "missing") throw new Error(answer.reason);
  const engine = answer.facts;
  return {
    home,
    image: await prepareImage(join(home, "cache")),
    facts: engine,
    driver: (runtime, at = socket) =>
      dockerDriver({ runtime, socket: at, runDirectory, seccompPath: STRICT_PROFILE_PATH, engine }),
    certificate: (driver, name) =>
      certify(driver, name, { role: "scratch", bornAt: null, runDirectory, clock: systemClock }),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
