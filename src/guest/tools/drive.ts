import { type ChildProcess, spawn } from "node:child_process";
import { errnoOf, messageOf } from "../../base/errors.ts";
import { scriptedModel } from "./endpoint.ts";
import { MODEL_URL, type Order } from "./order.ts";
import type { Transcript } from "./transcript.ts";

const SAID_CHARACTERS = 3_000;
/** What an agent started may hold its pipes; what comes after its own end is not waited for. */
const DRAIN_MS = 300;

/**
 * Runs the agent to its end against the scripted model. It has the environment of the order and nothing of ours: no proxy, so the
 * only server it can reach is the model on loopback. Never rejects for what the agent does.
 */
export async function drive(order: Extract<Order, { mode: "drive" }>): Promise<Transcript> {
  await using endpoint = await scriptedModel(order.protocol, order);
  const filled = (text: string) => text.replaceAll(MODEL_URL, endpoint.url);
  const [program, ...args] = order.argv.map(filled);
  const env = Object.fromEntries(Object.entries(order.env).map(([name, value]) => [name, filled(value)]));
  const end = await ended(program ?? "", args, { env, cwd: order.cwd, timeoutMs: order.timeoutMs });
  return { ...endpoint.seen(), end };
}

function ended(
  program: string,
  args: string[],
  { env, cwd, timeoutMs }: { env: Record<string, string>; cwd: string; timeoutMs: number },
): Promise<Transcript["end"]> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let said = "";
    const take = (chunk: Buffer) => {
      said = (said + chunk.toString("utf8")).slice(-SAID_CHARACTERS);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    let isTimedOut = false;
    const timer = setTimeout(() => {
      isTimedOut = true;
      killGroup(child);
    }, timeoutMs);
    const finish = (code: number | null, signal: string | null) => {
      clearTimeout(timer);
      killGroup(child);
      resolve({ code, signal, isTimedOut, said });
    };
    child.once("error", (error) => {
      if (child.pid !== undefined) return;
      said = `could not start ${program}: ${messageOf(error)}`.slice(0, SAID_CHARACTERS);
      finish(127, null);
    });
    child.once("exit", (code, signal) => setTimeout(() => finish(code, signal), DRAIN_MS));
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (thrown) {
    if (errnoOf(thrown) !== "ESRCH") throw thrown;
  }
}
