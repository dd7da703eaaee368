import { Socket } from "node:net";
import { HEARTBEAT_MS, HEARTBEATS_MISSED_MAX } from "../constants.ts";
import type { Hello, Task, Welcome } from "../wire.ts";
import { serveProxy } from "./proxy.ts";
import { type Broker, brokerOf, openSession } from "./session.ts";
import { type Inherited, runTask } from "./task.ts";
import { layTrust } from "./trust.ts";

/**
 * The sandbox's first program: it speaks HTTP/2 on standard input and output, lets the programs inside reach the gateway
 * through a proxy on loopback, and runs the tasks CONTROL hands out. It lives no longer than its channel: at the end of
 * the stream, and when nobody answers its heartbeat, it exits, and with it the sandbox ends.
 */
const [, , , through] = process.argv;
const inherited: Inherited | undefined =
  through === undefined ? undefined : { env: process.env, through: through.split(",") };

const session = openSession(new Socket({ fd: 0, writable: false }), new Socket({ fd: 1, readable: false }));
session.once("close", () => die(0));
// What went wrong is the host's to know, and it sees the channel end.
session.on("error", () => die(1));

const broker = brokerOf(session);
await serveProxy(session);
const { certificate } = await greet(broker);
const trust = certificate === null || inherited !== undefined ? {} : layTrust(certificate);
keepAlive(broker);
for (;;) await serveOneTask(broker);

async function greet(to: Broker): Promise<Welcome> {
  const hello: Hello = { node: process.version, pid: process.pid };
  const { status, body } = await to.call("POST", "/v1/hello", hello);
  if (status !== 200) throw new Error(`the broker answered ${status} to hello`);
  // Not validated, as with tasks.
  return { certificate: null, ...(JSON.parse(body === "" ? "{}" : body) as Partial<Welcome>) };
}

/** A heartbeat that is not answered before the next is due is missed. */
function keepAlive(to: Broker): void {
  let unanswered = 0;
  setInterval(() => {
    if (unanswered >= HEARTBEATS_MISSED_MAX) die(1);
    unanswered++;
    to.call("POST", "/v1/heartbeat", {}).then(
      ({ status }) => {
        if (status === 200) unanswered = 0;
      },
      // A stream that failed is a heartbeat that was not answered: it is counted already.
      () => undefined,
    );
  }, HEARTBEAT_MS);
}

async function serveOneTask(from: Broker): Promise<void> {
  const { status, body } = await from.call("GET", "/v1/task");
  if (status === 204) return;
  if (status !== 200) throw new Error(`the broker answered ${status} to a poll for tasks`);
  // Not validated: it comes from the host, which this sandbox trusts and not the other way round.
  const result = await runTask(withTrust(JSON.parse(body) as Task), inherited);
  await from.call("POST", `/v1/task/${result.id}`, result);
}

/** What a task says of its own environment counts for more. */
function withTrust(task: Task): Task {
  return { ...task, env: { ...trust, ...task.env } };
}

/** At once, whatever is still open: a shim that lingers is a sandbox that outlives its owner. */
function die(code: number): void {
  // oxlint-disable-next-line unicorn/no-process-exit
  process.exit(code);
}
