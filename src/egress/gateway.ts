import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, messageOf, OperatorError, throwIfStopped } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import type { Allowlist } from "./allowlist.ts";
import { asSocket, followChannel } from "./attach.ts";
import { CAPS, type Caps } from "./caps.ts";
import type { Alarm, Gateway, GuestRequest, GuestResponse, ModelSpend } from "./egress.ts";
import { type GatewayChild, startChild } from "./gatewayChild.ts";
import { type GuestEnd, guestEnd } from "./guestEnd.ts";
import type { FromGateway, ModelRelay, Pin, Setup, SourceSetup } from "./messages.ts";
import { policyHashOf } from "./policy.ts";
import type { SourceAsked } from "./source/asked.ts";

export type GatewayOptions = {
  cycle: string;
  /** Made with mode 0700 when it is not there. */
  runDirectory: string;
  /** Where the egress log is written; without it, in the run directory. Its directory is made, too; the file may not be there yet. */
  logPath?: string;
  allowlists: readonly Allowlist[];
  /** What their rules put in, by the name of the variable. */
  secrets?: Readonly<Record<string, string>>;
  /** What one sandbox may ask for; what is left out is as usual. */
  caps?: Partial<Caps>;
  canaryHosts: readonly string[];
  model?: ModelRelay;
  /** Where sources are kept, and what scans them; without it none is fetched. */
  sources?: SourceSetup;
  /** Where the kill latch is: it is looked at before every request. */
  stateDir?: string;
  /** What a fake on its way out does, besides being refused and reported; `latch` when it is left out. Drills set no latch. */
  onHit?: "latch" | "alarm";
  /** Names with a fixed address; see `Pin`. */
  pins?: readonly Pin[];
  /** PEM certificates trusted besides the system's. */
  certificates?: readonly string[];
  /** What a guest says to the broker. Whatever this throws cuts the gateway, and is what `died` resolves to. */
  onRequest(request: GuestRequest): Promise<GuestResponse>;
  /** As with `onRequest`, a throw cuts. */
  onAlarm(alarm: Alarm): void;
  /** Before each call of the model and after it; see `spent`. As with `onRequest`, a throw cuts. */
  onSpent?(spend: ModelSpend): void;
  /** Heard before the answer goes inside. As with `onRequest`, a throw cuts. */
  onSource?(asked: SourceAsked): void;
  /** Its abort cuts the gateway. */
  signal: AbortSignal;
};

/**
 * Starts the gateway process and waits until it is ready. Throws OperatorError when the run directory or the log cannot be
 * made, and the signal's reason when it is aborted; then no process is left.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { runDirectory, signal } = options;
  throwIfStopped(signal);
  const setup = setupOf(options);
  for (const directory of new Set([runDirectory, dirname(setup.logPath)])) prepare(directory);
  const started = await startChild(setup, signal);
  throwIfStopped(signal);
  if (started.status === "failed") throw cannotStart(runDirectory, started.reason);
  const { child } = started;
  const guests = new Map<string, GuestEnd>();
  const refused: Record<string, number> = {};
  const ended = new AbortController();
  let hash = policyHashOf(setup);
  const served = new Set<string>();
  let spent: ModelSpend | null = null;
  const died = Promise.withResolvers<Error>();
  let isCut = false;

  const cut = async (reason: string) => {
    isCut = true;
    ended.abort();
    child.kill();
    for (const guest of guests.values()) guest.end(`the gateway was cut: ${reason}`);
    await child.exited;
  };
  const failWith = (thrown: unknown) => {
    died.resolve(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
    cutNow("CONTROL could not go on");
  };
  const cutNow = (reason: string) => void cut(reason).catch(died.resolve);
  const onAbort = () => cutNow("stopped");
  signal.addEventListener("abort", onAbort, { once: true });
  child.listen((message) => {
    if (message.type === "spent") spent = message.spend.calls > 0 ? message.spend : null;
    void take(message, { child, guests, served, refused, options }).catch(failWith);
  }, failWith);
  void child.exited.then((why) => {
    signal.removeEventListener("abort", onAbort);
    served.clear();
    ended.abort();
    if (!isCut) died.resolve(new Error(`the gateway process ended: ${why}`));
    for (const guest of guests.values()) guest.end("the gateway process ended");
  });
  return {
    pid: child.pid,
    logPath: setup.logPath,
    died: died.promise,
    refused: () => ({ ...refused }),
    spent: () => spent,
    watch: (fakes, masterKey) =>
      child.ask((id) => ({
        type: "watch",
        id,
        fakes: [...fakes],
        masterKey: masterKey === undefined ? null : Buffer.from(masterKey).toString("base64"),
      })),
    ended: ended.signal,
    policyHash: () => hash,
    async reload({ allowlists, secrets }) {
      await child.ask((id) => ({ type: "policy", id, allowlists, secrets }));
      hash = policyHashOf({ allowlists, canaryHosts: setup.canaryHosts });
    },
    keepLists: (reason) => child.ask((id) => ({ type: "policy-kept", id, reason: oneLine(reason, 1_000) })),
    drill: (sandbox, fake) => child.ask((id) => ({ type: "drill", id, sandbox, fake })),
    async attach({ name, role, channel, backend }) {
      throwIfStopped(signal);
      if (guests.has(name)) throw new Error(`${name} was attached before`);
      const end = guestEnd(name, (message) => child.send(message));
      guests.set(name, end);
      followChannel(channel, end, () => child.send({ type: "drop", sandbox: name }));
      const socket = await asSocket(channel);
      try {
        await child.ask((id) => ({ type: "admit", id, sandbox: name, role, backend: backend ?? null }), socket);
      } catch (thrown) {
        end.end(messageOf(thrown));
        socket.destroy();
        throw thrown;
      }
      await end.admission;
      return end.guest;
    },
    holds: (name) => served.has(name),
    cut,
    [Symbol.asyncDispose]: () => cut("the cycle ended"),
  };
}

type Desk = {
  child: GatewayChild;
  guests: ReadonlyMap<string, GuestEnd>;
  /** Whose channel the gateway process has open. */
  served: Set<string>;
  refused: Record<string, number>;
  options: GatewayOptions;
};

async function take(message: FromGateway, { child, guests, served, refused, options }: Desk): Promise<void> {
  switch (message.type) {
    case "alarm":
      return options.onAlarm(message.alarm);
    case "source":
      return options.onSource?.(message.asked);
    case "request": {
      const response = await options.onRequest(message.request);
      return child.send({ type: "answer", id: message.id, response });
    }
    case "refused":
      refused[message.sandbox] = message.total;
      return;
    case "admitted":
      served.add(message.sandbox);
      return guests.get(message.sandbox)?.admitted();
    case "hello":
      return guests.get(message.sandbox)?.greeted(message.hello);
    case "result":
      return guests.get(message.sandbox)?.returned(message.result);
    case "result-refused":
      return guests.get(message.sandbox)?.refused(message.id, message.reason);
    case "gone":
      served.delete(message.sandbox);
      return guests.get(message.sandbox)?.end(message.reason);
    case "spent":
      return options.onSpent?.(message.spend);
    case "ready":
    case "failed":
    case "done":
      return;
  }
}

function setupOf(options: GatewayOptions): Setup {
  return {
    cycle: options.cycle,
    logPath: options.logPath ?? join(options.runDirectory, "egress.jsonl"),
    stateDir: options.stateDir ?? null,
    onHit: options.onHit ?? "latch",
    allowlists: [...options.allowlists],
    secrets: { ...options.secrets },
    caps: { ...CAPS, ...options.caps },
    canaryHosts: options.canaryHosts.map((host) => host.toLowerCase()),
    model: options.model ?? null,
    sources: options.sources ?? null,
    pins: [...(options.pins ?? [])],
    certificates: [...(options.certificates ?? [])],
  };
}

function prepare(runDirectory: string): void {
  try {
    mkdirSync(runDirectory, { recursive: true, mode: 0o700 });
    chmodSync(runDirectory, 0o700);
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    throw cannotStart(runDirectory, messageOf(thrown));
  }
}

function cannotStart(runDirectory: string, reason: string): OperatorError {
  return new OperatorError(
    `the gateway cannot start in ${runDirectory}: ${reason}`,
    "give the cycle a run directory of its own, on a disk with room, that you may write to",
  );
}
