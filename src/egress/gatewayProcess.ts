import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { systemClock } from "../base/clock.ts";
import { errnoOf, messageOf, OperatorError } from "../base/errors.ts";
import { oncePerTurn } from "../base/turn.ts";
import { serveChannel } from "../sandbox/channel.ts";
import { readLatch, setLatch } from "../stop/latch.ts";
import { watchLatch } from "../stop/watchLatch.ts";
import { admittedGuest } from "./admitted.ts";
import { keptConnections } from "./connections.ts";
import { controlLink } from "./controlLink.ts";
import type { Alarm } from "./egress.ts";
import { endAtOnce } from "./endAtOnce.ts";
import { serveFlow } from "./flow.ts";
import { guestCaps } from "./guestCaps.ts";
import { type FromGateway, type Setup, ToGateway } from "./messages.ts";
import { modelDesk } from "./model.ts";
import { loadedPolicy } from "./policy.ts";
import { startRecord } from "./record.ts";
import { ownResolver } from "./resolver.ts";
import { ruleDay } from "./ruleDay.ts";
import { openSources } from "./source/open.ts";
import { spending } from "./spending.ts";
import type { TaskDesk } from "./tasks.ts";
import { authorityAtHand } from "./tunnel/authority.ts";
import { tunnelDesk } from "./tunnel/tunnel.ts";
import { websocketDesk } from "./tunnel/websocket.ts";
import { announcedDrills } from "./watch/drills.ts";
import { openWatch } from "./watch/openWatch.ts";

/**
 * The gateway as a process of its own, forked by `gateway.ts`. It holds the policy, the model's key and the log, and ends
 * when CONTROL does: without its parent there is nobody to answer to, so it dies at once rather than in order.
 */
const atOnce = () => endAtOnce();
process.once("disconnect", atOnce).once("SIGTERM", atOnce);
// A terminal's Ctrl-C goes to every process; it is CONTROL that then cuts this one.
process.on("SIGINT", () => undefined);
process.once("message", (first) => {
  const message = ToGateway.parse(first);
  if (message.type !== "setup") throw new TypeError(`the first message is setup, not ${message.type}`);
  try {
    start(message.setup);
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    tell({ type: "failed", message: messageOf(thrown) });
  }
});

function tell(message: FromGateway): void {
  process.send?.(message);
}

function start(setup: Setup): void {
  const record = startRecord(setup.logPath, { cycle: setup.cycle }, systemClock);
  const end = () => endAtOnce(() => record.flush());
  process.off("disconnect", atOnce).off("SIGTERM", atOnce).once("disconnect", end).once("SIGTERM", end);
  // What is under way is cut, too, and nobody else has to be well for that. What the kernel has taken already still goes out.
  if (setup.stateDir !== null) watchLatch(setup.stateDir, end);
  const guests = new Map<string, { desk: TaskDesk; drop(): void }>();
  const link = controlLink(tell);
  const { canaryHosts } = setup;
  let live = loadedPolicy(setup);
  const today = ruleDay(systemClock);
  let hashKey: Uint8Array = randomBytes(32);
  const watch = openWatch();
  const drills = announcedDrills(systemClock);
  let flows = 0;
  const vetting = { resolve: ownResolver(), pins: setup.pins, ownAddresses };
  const connections = keptConnections(setup.certificates);
  const authority = authorityAtHand(systemClock);
  const materialMark = randomBytes(16).toString("hex");
  const isLatched = oncePerTurn(() => isLatchSet(setup.stateDir));
  const shared = {
    policy: oncePerTurn(() => ({ ...live, isLatched: isLatched(), today: today() })),
    record,
    nextFlow: () => flows++,
  };
  const parts = {
    ...shared,
    spending: spending(),
    policyHash: () => live.hash,
    today,
    hashKey: () => hashKey,
    watch,
    drills,
    seal: sealOf(setup, end),
    control: link,
    forward: { vetting, connections, clock: systemClock },
    model: modelDesk(setup.model, {
      connections,
      clock: systemClock,
      materialMark,
      onSpent: (spend) => tell({ type: "spent", spend }),
      onKeyEchoed: (sandbox, where) => tell({ type: "alarm", alarm: keyEchoed(sandbox, where) }),
    }),
    source: openSources(
      setup.sources,
      { ...shared, vetting, certificates: setup.certificates, clock: systemClock },
      materialMark,
      tell,
    ),
    tunnel: tunnelDesk({
      vetting,
      authority,
      isLatched,
      clock: systemClock,
    }),
    websocket: websocketDesk({
      connections,
      watch,
      isLatched,
      clock: systemClock,
    }),
    certificate: async () => {
      const found = await authority();
      return found.status === "made" ? found.authority.certificate : null;
    },
    clock: systemClock,
  };
  const admit = (socket: Socket, { sandbox: name, role, backend }: Admitted) => {
    if (guests.has(name)) return socket.destroy();
    const tellOf = (reason: string, times: number) =>
      parts.record.close({ event: "capped", policyHash: live.hash, sandbox: name, reason, times });
    const guest = admittedGuest(name, role, { backend, caps: guestCaps(systemClock, tellOf, setup.caps) });
    const served = serveChannel(
      socket,
      (stream, headers) => void serveFlow(stream, headers, guest, parts).catch(fail),
    );
    guests.set(name, { desk: guest.desk, drop: () => served.destroy() });
    tell({ type: "admitted", sandbox: name });
    void served.closed.then((end) => {
      guests.delete(name);
      watch.forget(name);
      tell({ type: "gone", sandbox: name, reason: end.status === "refused" ? end.reason : "the channel ended" });
    });
  };
  process.on("message", (raw, handle) => {
    const message = ToGateway.parse(raw);
    switch (message.type) {
      case "setup":
        throw new TypeError("setup comes once");
      case "admit":
        if (handle instanceof Socket) admit(handle, message);
        else tell({ type: "gone", sandbox: message.sandbox, reason: "its channel was closed before" });
        return tell({ type: "done", id: message.id });
      case "drop":
        return guests.get(message.sandbox)?.drop();
      case "watch":
        watch.fakes(message.fakes, keyOf(message.masterKey));
        hashKey = keyOf(message.masterKey) ?? hashKey;
        return tell({ type: "done", id: message.id });
      case "drill":
        drills.announce(message.sandbox, message.fake);
        return tell({ type: "done", id: message.id });
      case "policy": {
        const from = live.hash;
        live = loadedPolicy({ ...message, canaryHosts });
        if (live.hash !== from) {
          parts.record.close({ event: "policy", policyHash: live.hash, status: "changed", from });
        }
        return tell({ type: "done", id: message.id });
      }
      case "policy-kept":
        parts.record.close({ event: "policy", policyHash: live.hash, status: "kept", reason: message.reason });
        return tell({ type: "done", id: message.id });
      case "task":
        return guests.get(message.sandbox)?.desk.lay(message.task);
      case "task-dropped":
        return guests.get(message.sandbox)?.desk.drop(message.id);
      case "answer":
        return link.answered(message.id, message.response);
    }
  });
  tell({ type: "ready" });
}

type Admitted = Extract<ToGateway, { type: "admit" }>;

/**
 * Sets the latch from here and ends this process with it: CONTROL need not be well for that. Where the latch cannot be set, nothing
 * passes here any more all the same.
 */
function sealOf({ stateDir, onHit }: Setup, end: () => void): ((why: string) => void) | null {
  if (stateDir === null || onHit !== "latch") return null;
  return (why) => {
    try {
      setLatch(stateDir, { who: "gateway", why }, systemClock);
    } catch (thrown) {
      if (!(thrown instanceof OperatorError)) throw thrown;
    } finally {
      end();
    }
  };
}

function keyEchoed(sandbox: string, where: "headers" | "body"): Alarm & { carrier: "model-key" } {
  const detail = `the model's server sent the key of this cycle back, in the ${where} of an answer; it was held back`;
  return { carrier: "model-key", sandbox, subject: "model", detail, at: systemClock.now().toISOString() };
}

function keyOf(base64: string | null): Uint8Array | undefined {
  return base64 === null ? undefined : Buffer.from(base64, "base64");
}

function isLatchSet(stateDir: string | null): boolean {
  return stateDir !== null && readLatch(stateDir).status === "set";
}

function ownAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
}

/** A bug in one flow ends the process: a gateway that has gone wrong lets nothing through. */
function fail(thrown: unknown): void {
  setImmediate(() => {
    throw thrown;
  });
}
