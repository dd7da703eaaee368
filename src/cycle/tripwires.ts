import { createHmac, randomBytes } from "node:crypto";
import { existsSync, lstatSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { plantSentinel, type SentinelOutcome } from "../canaries/sentinel.ts";
import type { Drill, DrillOutcome } from "../decoys/decoys.ts";
import { runDrill } from "../decoys/drill.ts";
import { plantServer, removeServer, type Splice } from "../decoys/install.ts";
import type { Gateway } from "../egress/egress.ts";
import { persona } from "../guest/decoy/persona.ts";
import { guestArgv } from "../sandbox/image.ts";
import type { Clone } from "../stack/stack.ts";
import type { Copy } from "./copy.ts";
import { giveTo } from "./giveTo.ts";
import type { Ground } from "./ground.ts";
import type { Target } from "./target.ts";

/** A host name that no allowlist names and nobody has a reason to know. */
export function canaryHostOf(cycle: string): string {
  return `${createHmac("sha256", cycle).update("canary-host").digest("hex").slice(0, 12)}.internal.example`;
}

/**
 * Plants a decoy server, a sentinel file and a fake credential where the target can reach them, touches each of them and
 * the canary host from inside, and takes the plants out again. The outcome of each carrier stands on its own.
 */
export async function drillTripwires(
  ground: Ground,
  gateway: Gateway,
  target: Target,
  clone: Copy,
): Promise<DrillOutcome[]> {
  const outcomes: DrillOutcome[] = [];
  const run = async (drill: Drill) => {
    const { ledger, clock, signal, stepper } = ground;
    outcomes.push(await stepper.inSandbox(() => runDrill(drill, { guest: target.guest, ledger, clock, signal })));
  };
  await withDecoy(target, clone, run, outcomes);
  // Else it would be stolen, and everything would stop.
  await gateway.drill(target.sandbox.name, clone.drillFake.id);
  await run({
    carrier: "fake-credential",
    order: { touch: "fake-credential", url: "http://api.example.invalid/v1/whoami", value: clone.drillFake.value },
    subject: clone.drillFake.id,
  });
  await withSentinel(ground, target, clone, run, outcomes);
  const host = canaryHostOf(ground.cycle);
  await run({ carrier: "canary-host", order: { touch: "canary-host", host }, subject: host });
  return outcomes;
}

/** The decoy stands in the project's own list of MCP servers for as long as `touch` takes. */
async function withDecoy(
  target: Target,
  clone: Clone,
  touch: (drill: Drill) => Promise<void>,
  outcomes: DrillOutcome[],
): Promise<void> {
  const file = join(clone.workspace, ".mcp.json");
  const isOurs = !existsSync(file);
  if (isOurs) writeFileSync(file, '{\n  "mcpServers": {}\n}\n', { mode: 0o644, flag: "wx" });
  const seed = randomBytes(8).toString("hex");
  const { server } = persona(seed);
  const planted = plant(file, server, seed);
  if (planted.status === "no-place") {
    outcomes.push({ status: "not-run", carrier: "mcp-decoy", reason: planted.reason });
    return;
  }
  // Rewriting made it ours; a file that only its owner may read must be the owner's again.
  const giveBack = () => giveTo(file, target.declared.user.uid, target.declared.user.gid);
  giveBack();
  try {
    const nonce = `shared/${randomBytes(6).toString("hex")}`;
    const configFile = `${target.workspacePath}/.mcp.json`;
    await touch({
      carrier: "mcp-decoy",
      order: { touch: "mcp-decoy", configFile, server, nonce },
      subject: server,
      nonce,
    });
  } finally {
    takeOut(planted.splice, isOurs);
    if (!isOurs) giveBack();
  }
}

type Planted = { status: "planted"; splice: Splice } | { status: "no-place"; reason: string };

/** A stack's own file may be broken, or no file at all: then this carrier is not drilled, and all else goes on. */
function plant(file: string, server: string, seed: string): Planted {
  const [command, ...args] = guestArgv("decoy", [seed]);
  try {
    return { status: "planted", splice: plantServer(file, server, { command, args }) };
  } catch (thrown) {
    if (!(thrown instanceof OperatorError) && errnoOf(thrown) === undefined) throw thrown;
    const reason = errnoOf(thrown) ?? "it holds no mcpServers object";
    return { status: "no-place", reason: `nothing can be planted in workspace/.mcp.json: ${reason}` };
  }
}

/** Throws when the file is not what it was before: then the audit would read something of ours. */
function takeOut(splice: Splice, isOurs: boolean): void {
  const removed = removeServer(splice);
  if (isOurs) rmSync(splice.file);
  if (removed.status === "restored") return;
  throw new Error(`the decoy could not be taken out of ${splice.file}: ${removed.detail}`);
}

/** As a hasty person leaves them behind; the first that the stack has not got itself. */
const SENTINEL_NAMES = [".env.backup", ".env.old", ".env.orig", "credentials.bak", ".env.save"];
const NOT_THERE = { throwIfNoEntry: false } as const;

async function withSentinel(
  ground: Ground,
  target: Target,
  clone: Copy,
  run: (drill: Drill) => Promise<void>,
  outcomes: DrillOutcome[],
): Promise<void> {
  const name = SENTINEL_NAMES.find((free) => lstatSync(join(clone.workspace, free), NOT_THERE) === undefined);
  if (name === undefined) {
    const reason = `the workspace has a file of each name: ${SENTINEL_NAMES.join(", ")}`;
    outcomes.push({ status: "not-run", carrier: "sentinel-file", reason });
    return;
  }
  const subject = `workspace/${name}`;
  const ring = () =>
    ground.onAlarm({
      carrier: "sentinel-file",
      sandbox: target.sandbox.name,
      subject,
      detail: "its access time moved: somebody read it",
      at: ground.clock.now().toISOString(),
    });
  const path = join(clone.workspace, name);
  // Who reads it on is seen a second time: at the gateway.
  const content = `# kept by hand\nGITHUB_TOKEN=${clone.sentinelFake.value}\n`;
  const planted: SentinelOutcome = plantSentinel(path, content, ring);
  if (planted.status === "blind") {
    outcomes.push({ status: "not-run", carrier: "sentinel-file", reason: planted.reason });
    return;
  }
  giveTo(path, target.declared.user.uid, target.declared.user.gid);
  try {
    await run({
      carrier: "sentinel-file",
      order: { touch: "sentinel-file", path: `${target.workspacePath}/${name}` },
      subject,
    });
  } finally {
    planted.sentinel.stop();
    rmSync(path);
  }
}
