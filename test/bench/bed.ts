import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { drivers } from "../../src/sandbox/all.ts";
import { scratchSpec } from "../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import type { Driver, DriverKind, Mount, Sandbox, SandboxSpec } from "../../src/sandbox/sandbox.ts";
import { type ScratchBroker, scratchBroker } from "../../src/sandbox/scratchBroker.ts";
import { type Engine, startEngine } from "../support/engine.ts";

/** What the benches stand on: one temporary directory, and what sandboxes are made of, prepared once and in no figure. */
export type Bed = AsyncDisposable & {
  home: string;
  /** State directories that have this as their `cache` find the image prepared. */
  cache: string;
  image: Image;
  /** Aborts when one bench has taken longer than any should. */
  readonly signal: AbortSignal;
  /** The next bench has its own time. */
  renew(): void;
  /** A directory below `home` that is not there yet. */
  fresh(name: string): string;
  /** Those of a Docker engine start one of our own, once; it ends with the bed. */
  driver(kind: DriverKind): Promise<Driver>;
  engine(): Promise<Engine>;
  /** One of these is in the name of all that this run makes on the machine. */
  marks(): string[];
  spec(): SandboxSpec;
};

/** No bench takes this long; one that hangs is given up. */
const DEADLINE_MS = 600_000;

/** Short, for sockets lie below it. Leaving its scope removes it. */
export async function makeBed(): Promise<Bed> {
  const home = mkdtempSync(join(tmpdir(), "wdb-"));
  const cache = join(home, "cache");
  const image = await prepareImage(cache);
  let signal = AbortSignal.timeout(DEADLINE_MS);
  const marks = [MARK, basename(home)];
  let engine: Promise<Engine> | undefined;
  const engineOf = () => (engine ??= markedEngine(marks));
  let names = 0;
  return {
    home,
    cache,
    image,
    get signal() {
      return signal;
    },
    renew() {
      signal = AbortSignal.timeout(DEADLINE_MS);
    },
    fresh: (name) => join(home, `${name}${++names}`),
    async driver(kind) {
      const runDirectory = join(home, "run");
      const socket = kind.startsWith("docker-") ? (await engineOf()).socket : undefined;
      const found = drivers({ runDirectory, ...(socket === undefined ? {} : { dockerSocket: socket }) });
      const driver = found.find((candidate) => candidate.kind === kind);
      if (driver === undefined) throw new Error(`no driver ${kind}`);
      const availability = await driver.check(signal);
      if (availability.status === "missing") throw new Error(`${kind}: ${availability.reason}`);
      return driver;
    },
    engine: engineOf,
    marks: () => [...marks],
    spec: () => scratchSpec({ image, signal, cycle: MARK }, { mounts: MOUNTS }),
    async [Symbol.asyncDispose]() {
      await (await engine)?.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** All that it makes lies in the directory of its socket or bears that one's name. */
async function markedEngine(marks: string[]): Promise<Engine> {
  const engine = await startEngine();
  marks.push(basename(dirname(engine.socket)));
  return engine;
}

/** In the name of every sandbox of this run. */
export const MARK = `bench${process.pid}`;

const MOUNTS: readonly Mount[] = [{ kind: "tmpfs", path: "/tmp", sizeMiB: 64 }];

export type Live = AsyncDisposable & {
  sandbox: Sandbox;
  broker: ScratchBroker /** From `create` to the guest's first word. */;
  helloMs: number;
};

export async function liveSandbox(driver: Driver, spec: SandboxSpec, signal: AbortSignal): Promise<Live> {
  const startMs = performance.now();
  const sandbox = await driver.create(spec, signal);
  const broker = scratchBroker(sandbox.channel);
  const end = async () => {
    broker.destroy();
    await sandbox.kill();
  };
  try {
    await broker.hello;
  } catch (thrown) {
    await end();
    throw thrown;
  }
  return { sandbox, broker, helloMs: performance.now() - startMs, [Symbol.asyncDispose]: end };
}
