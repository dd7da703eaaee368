import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProgram } from "../../scoreboard/program.ts";
import { selfSigned } from "../../support/selfSigned.ts";
import type { Ground } from "./contender.ts";
import { HOST, type Job, type Tally } from "./wire.ts";

/** Within the network namespace: an origin, a client, and room for the contenders. */
export type RaceBed = AsyncDisposable & {
  origin: ChildProcess;
  ground(name: string): Ground;
  /** Rejects when the client ends, which it does at the first answer that is not the origin's. */
  ask(job: Job): Promise<Tally>;
};

export async function raceBed(): Promise<RaceBed> {
  const directory = mkdtempSync(join(tmpdir(), "wd-race-"));
  // Squid enters it as another user.
  chmodSync(directory, 0o755);
  const certificate = selfSigned(HOST);
  const origin = child("origin.ts");
  const load = child("load.ts");
  origin.send(certificate);
  await once(origin, "message");
  const gone = once(load, "exit").then(() => Promise.reject(new Error("the client ended: see its error above")));
  gone.catch(() => undefined);
  return {
    origin,
    ground: (name) => ({ directory: join(directory, name.replaceAll(" ", "-")), origin: certificate, load }),
    async ask(job) {
      const answer = once(load, "message");
      load.send(job);
      const [tally] = (await Promise.race([answer, gone])) as [Tally];
      return tally;
    },
    async [Symbol.asyncDispose]() {
      for (const one of [load, origin]) await endProgram(one);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function child(file: string): ChildProcess {
  return fork(join(import.meta.dirname, file), [], { env: {}, execArgv: [] });
}
