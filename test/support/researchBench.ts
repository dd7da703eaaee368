import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Gateway, Guest } from "../../src/egress/egress.ts";
import { startGateway } from "../../src/egress/gateway.ts";
import type { Observation } from "../../src/guest/observation.ts";
import { library } from "../../src/researcher/library.ts";
import type { Research } from "../../src/researcher/researcher.ts";
import { readPrompt, type Study, study } from "../../src/researcher/study.ts";
import { bubblewrapDriver } from "../../src/sandbox/bubblewrap/bubblewrap.ts";
import { prepareImage } from "../../src/sandbox/image.ts";
import { type Sandbox, STRICT } from "../../src/sandbox/sandbox.ts";
import { CATALOGUE } from "../../src/sources/weaknesses/catalogue.ts";
import { type Kind, type ModelServer, type Move, modelServer } from "./modelServer.ts";

/** A lab with its gateway and its model; studies are run in it one after the other. */
export type ResearchBench = AsyncDisposable & {
  server: ModelServer;
  gateway: Gateway;
  sandbox: Sandbox;
  lab: Guest;
  research(observations: Observation[], moves: readonly Move[], over?: { onAsk?: () => void }): Promise<Research>;
};

export type ResearchGround = AsyncDisposable & {
  /** Where the gateways of this ground keep sources. */
  sources: string;
  bench(kind: Kind, over?: { tokensMax?: number }): Promise<ResearchBench>;
};

export const KEY = ["key", "of", "the", "gateway", "alone"].join("-");

const never = new AbortController().signal;

export async function researchGround(): Promise<ResearchGround> {
  const directory = mkdtempSync(join(tmpdir(), "wd-models-"));
  const image = await prepareImage(join(directory, "cache"));
  const sources = join(directory, "sources");
  let benches = 0;
  return {
    sources,
    async bench(kind, { tokensMax = 1_000_000 } = {}) {
      const name = `wd-models-lab-${benches++}`;
      const server = await modelServer(kind);
      const handed = library(sources);
      let current: Study | undefined;
      const gateway = await startGateway({
        cycle: "models",
        runDirectory: join(directory, name),
        allowlists: [],
        canaryHosts: [],
        model: { kind, baseUrl: server.baseUrl, key: KEY, models: ["m-1"], tokensMax },
        sources: { directory: sources, clamdSocket: null },
        onRequest: async (request) => current?.answer(request) ?? { status: 409, body: {} },
        onAlarm: () => undefined,
        onSource: (asked) => handed.hear(asked),
        signal: never,
      });
      const driver = bubblewrapDriver({ runDirectory: join(directory, "run") });
      const sandbox = await driver.create(
        {
          name,
          cycle: "models",
          role: "lab",
          rootfs: image.rootfs,
          guest: image.guest,
          mounts: [{ kind: "tmpfs", path: "/tmp", sizeMiB: 16 }],
          env: {},
          cwd: "/",
          uid: 65_534,
          gid: 65_534,
          limits: { memoryMiB: 512, cpus: 1, pids: 64 },
          confinement: STRICT,
        },
        never,
      );
      const lab = await gateway.attach({ name, role: "lab", channel: sandbox.channel });
      await lab.hello;
      return {
        server,
        gateway,
        sandbox,
        lab,
        research(observations, moves, { onAsk } = {}) {
          server.play(moves, onAsk);
          current = study({
            mode: kind,
            model: "m-1",
            prompt: "You study a boundary.",
            readerPrompt: readPrompt(join(import.meta.dirname, "../../prompts/reader.md")),
            library: handed,
            observations,
            weaknesses: CATALOGUE,
          });
          return current.run(lab, never);
        },
        async [Symbol.asyncDispose]() {
          await gateway.cut("the test ended");
          await sandbox.kill();
          await driver.destroy(name);
          await server[Symbol.asyncDispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
