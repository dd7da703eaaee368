import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../../base/clock.ts";
import { carried } from "../../guest/argv.ts";
import type { TaskResult } from "../../guest/wire.ts";
import type { Image } from "../image.ts";
import { type Driver, type Look, type Sandbox, type SandboxSpec, STRICT } from "../sandbox.ts";
import { type ScratchBroker, scratchBroker } from "../scratchBroker.ts";

/** What the cases of the contract are run with. */
export type Fixture = {
  image: Image;
  signal: AbortSignal;
  /** Goes into the names, so that two runs at once do not meet. */
  cycle: string;
  /**
   * Has another process make a sandbox of this name and keep it, as a cycle would. Resolves when its guest has said
   * hello. `kill` is SIGKILL to that process, and to it alone.
   */
  owner(driver: Driver, spec: SandboxSpec): Promise<{ kill(): void }>;
};

export type ContractCase = {
  /** A claim. */
  name: string;
  /** What a backend may lack, as it stands in `cannot`, that this case is about. */
  needs: readonly string[];
  /** Throws Broken when the claim does not hold. */
  run(driver: Driver, fixture: Fixture): Promise<void>;
};

/** A promise of the contract that is not kept. */
export class Broken extends Error {
  override readonly name = "Broken";
}

export function hold(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new Broken(otherwise);
}

type Scratch = Pick<Fixture, "image" | "signal" | "cycle">;
export type Live = { sandbox: Sandbox; broker: ScratchBroker; spec: SandboxSpec };

export function scratchSpec(fixture: Scratch, changes: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    name: `wd-${fixture.cycle}-scratch-${randomInt(1_000_000_000)}`,
    cycle: fixture.cycle,
    role: "scratch",
    rootfs: fixture.image.rootfs,
    guest: fixture.image.guest,
    mounts: [],
    env: { PATH: "/bin:/usr/bin:/sbin:/usr/sbin" },
    cwd: "/",
    uid: 1000,
    gid: 1000,
    limits: { memoryMiB: 512, cpus: 2, pids: 128 },
    confinement: STRICT,
    ...changes,
  };
}

/** Makes a sandbox, waits for its guest, uses it, kills it, and holds the backend to leaving nothing. */
export async function live(
  driver: Driver,
  fixture: Scratch,
  changes: Partial<SandboxSpec>,
  use: (live: Live) => Promise<void>,
): Promise<void> {
  const spec = scratchSpec(fixture, changes);
  const sandbox = await driver.create(spec, fixture.signal);
  const broker = scratchBroker(sandbox.channel);
  const onAbort = (): void => broker.destroy();
  fixture.signal.addEventListener("abort", onAbort, { once: true });
  try {
    await broker.hello.catch((error: unknown) => {
      throw new Broken(`no hello: ${sandbox.stderrTail().slice(-500)}`, { cause: error });
    });
    await use({ sandbox, broker, spec });
  } finally {
    fixture.signal.removeEventListener("abort", onAbort);
    broker.destroy();
    await sandbox.kill();
  }
  await holdClean(driver, spec.name);
}

/** The kernel takes its moment to bury the dead: so long is waited before a trace counts. */
const CLEAN_WITHIN_MS = 1_500;

export async function holdClean(driver: Driver, name: string): Promise<void> {
  const endsAtMs = performance.now() + CLEAN_WITHIN_MS;
  for (;;) {
    const doubts = (await driver.look(name)).filter((look) => look.status !== "clean").map(told);
    if ((await driver.list()).includes(name)) doubts.push("it is still listed");
    if (doubts.length === 0) return;
    if (performance.now() > endsAtMs) throw new Broken(`${name} is not gone: ${doubts.join("; ")}`);
    await sleep(30);
  }
}

function told(look: Look): string {
  return `${look.what}: ${look.status === "not-looked" ? look.reason : look.evidence}`;
}

const TASK = {
  env: { PATH: "/bin:/usr/bin:/sbin:/usr/sbin" },
  cwd: "/",
  stdin: "",
  /** Generous: an emulated machine on a busy host takes seconds to start a Node. */
  timeoutMs: 30_000,
  outputBytesMax: 65_536,
};

/** A script in the root file system's own shell. */
export function shell(broker: ScratchBroker, script: string): Promise<TaskResult> {
  return broker.run({ ...TASK, run: { argv: ["/bin/sh", "-c", script] } });
}

/** A script in the Node that the guest runtime brings; CommonJS. */
export function node(broker: ScratchBroker, script: string): Promise<TaskResult> {
  return broker.run({ ...TASK, run: { argv: [...carried("node"), "-e", script] } });
}

/** A directory on the host that is gone afterwards. */
export async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "wd-contract-"));
  try {
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
