import { connect } from "node:net";
import { systemClock } from "../../base/clock.ts";
import { createAuthority } from "../../egress/tunnel/authority.ts";
import { type FromSink, ToSink } from "./messages.ts";
import { newRecord } from "./sinkRecord.ts";
import { serveTcp, serveUdp } from "./sinkServe.ts";
import { withinTls } from "./sinkTls.ts";

/**
 * The sink: a process in a network namespace of its own, from which no way leads to the machine's. Started by sink.ts, with
 * the sandbox's name among its arguments; ends when CONTROL does, and with the sandbox by its name.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.on("SIGINT", () => undefined);

const record = newRecord();

process.on("message", (raw) => {
  const message = ToSink.parse(raw);
  switch (message.type) {
    case "listen":
      void listen(message).then(
        (authority) => tell(authority === undefined ? { type: "ready" } : { type: "ready", authority }),
        (thrown: unknown) => tell({ type: "failed", message: String(thrown).slice(0, 400) }),
      );
      return;
    case "tell":
      void settled().then(() => tell({ type: "arrivals", id: message.id, ...record.tell() }));
      return;
    case "dial":
      void Promise.all(message.ports.map((port) => dial(message.host, port, message.from))).then((answers) => {
        const answered = message.ports.filter((_, at) => answers[at] === true);
        tell({ type: "dialled", id: message.id, answered });
      });
  }
});

tell({ type: "up" });

function tell(message: FromSink): void {
  process.send?.(message);
}

/**
 * As root, because low ports are root's; from then on as nobody, because everything that is said to it is foreign. Gives the
 * certificate of whoever signs for its names, where somebody does.
 */
async function listen(asked: Extract<ToSink, { type: "listen" }>): Promise<string | undefined> {
  const { tcp, udp, isSigning } = asked;
  const authority = isSigning ? await createAuthority(systemClock) : undefined;
  const within = authority === undefined ? undefined : withinTls(authority);
  const listening = { metadata: new Set(asked.metadata), record, within };
  await Promise.all([
    ...tcp.map((port) => serveTcp(port, listening)),
    ...udp.map(({ host, port }) => serveUdp(host, port, record)),
  ]);
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
  return authority?.certificate;
}

const NOBODY = 65_534;
const ROUNDS = 3;
const ROUND_MS = 10;

/** What the kernel holds for us by now is taken in first. */
async function settled(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
}

const DIAL_MS = 200;

function dial(host: string, port: number, from: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress: from });
    const settle = (isAnswered: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isAnswered);
    };
    const timer = setTimeout(() => settle(false), DIAL_MS);
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}
