import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { OperatorError } from "../../base/errors.ts";
import { type Linked, startLinked, tailOf } from "../local.ts";

/** How the process that stands here for a sandbox at E2B is told what to do; see carrierProcess.ts. */
export const Order = z.strictObject({
  account: z.strictObject({ apiKey: z.string(), apiUrl: z.string(), sandboxUrl: z.string().optional() }),
  machine: z.strictObject({
    id: z.string(),
    url: z.string(),
    accessToken: z.string().optional(),
    trafficToken: z.string().optional(),
  }),
  argv: z.array(z.string()).min(1),
  leaseMs: z.number().positive(),
});
export type Order = z.infer<typeof Order>;

/** The order comes by this descriptor, and not by arguments or environment, for it holds the key. Its end is the owner's end. */
export const CONTROL_FD = 3;
export const STARTED = "started\n";
/** One route's time. */
export const KILL_MS = 2_500;

/** The same file as source and, compiled, in the published package. */
const CARRIER_PATH = fileURLToPath(
  new URL(`./carrierProcess.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url),
);

/** Resolves once the guest's first process runs. Throws OperatorError with what it said when it does not. */
export async function startCarrier(name: string, order: Order, signal: AbortSignal): Promise<Linked> {
  const linked = await startLinked([process.execPath, CARRIER_PATH, name], "pipe");
  const { child } = linked;
  const said = tailOf(child.stderr);
  const control = child.stdio[CONTROL_FD] as Duplex;
  // A carrier that is gone takes no orders; its exit says so.
  control.on("error", () => undefined);
  const onAbort = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", onAbort, { once: true });
  control.write(`${JSON.stringify(order)}\n`);
  const hasStarted = await new Promise<boolean>((resolve) => {
    control.once("data", () => resolve(true));
    child.once("exit", () => resolve(false));
  });
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted();
  if (hasStarted) return linked;
  linked.channel.destroy();
  throw new OperatorError(`the guest did not start at E2B: ${said().trim()}`, "see E2B's status page");
}
