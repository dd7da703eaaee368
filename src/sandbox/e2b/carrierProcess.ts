import { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { messageOf } from "../../base/errors.ts";
import { openAccount } from "./account.ts";
import { CONTROL_FD, KILL_MS, Order, STARTED } from "./carrier.ts";
import { openDaemon } from "./daemon.ts";
import { startRemote } from "./remote.ts";
import { renewed } from "./renewed.ts";

/**
 * Stands on this machine for one sandbox at E2B: its standard input and output are the guest's, it alone renews the lease,
 * and its end is the guest's. When the guest ends, the stream breaks or its owner dies, it kills the machine; killed itself, by the watchdog
 * for one, it cuts the channel at once, three heartbeats later the guest is dead, and the machine when the lease runs out.
 */
/** After so many the lease ends it. */
const KILLS_MAX = 3;

// A dead owner reads no word of ours, and that must not keep the machine alive.
process.stderr.on("error", () => undefined);
const control = new Socket({ fd: CONTROL_FD });
const order = Order.parse(JSON.parse(await firstLine(control)));
const account = openAccount(order.account);
const daemon = openDaemon(order.machine);
const ownerGone = text(control).then(
  () => "its owner is gone",
  () => "its owner is gone",
);

const why = await Promise.race([ownerGone, carry().catch(messageOf)]);
process.stderr.write(`${why}\n`);
for (let attempt = 1; attempt <= KILLS_MAX; attempt++) {
  try {
    await account.kill(order.machine.id, KILL_MS);
    break;
  } catch (thrown) {
    process.stderr.write(`${messageOf(thrown)}\n`);
  }
}
// At once: a channel that is still open must not keep it.
// oxlint-disable-next-line unicorn/no-process-exit
process.exit(why === "" ? 0 : 1);

/** Until the guest's end; empty when it exited. */
async function carry(): Promise<string> {
  const [cmd, ...args] = order.argv;
  if (cmd === undefined) throw new Error("nothing to start");
  renewed(
    () => account.renew(order.machine.id, order.leaseMs),
    order.leaseMs,
    (reason) => void process.stderr.write(`the lease was not renewed: ${reason}\n`),
  );
  const guest = await startRemote(daemon, {
    argv: [cmd, ...args],
    onStderr: (chunk) => void process.stderr.write(chunk),
  });
  control.write(STARTED);
  // Whichever way breaks, the guest's end or the other way says so, too.
  const input = pipeline(process.stdin, guest.stdin).then(() => guest.ended);
  await Promise.race([pipeline(guest.stdout, process.stdout), input]);
  const ended = await guest.ended;
  return ended.status === "broken" ? ended.reason : "";
}

function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let held = "";
    const take = (chunk: Buffer): void => {
      held += chunk.toString("utf8");
      if (!held.endsWith("\n")) return;
      socket.off("data", take);
      resolve(held);
    };
    socket.on("data", take);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("no order came")));
  });
}
