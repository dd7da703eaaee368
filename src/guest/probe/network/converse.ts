import { connect } from "node:net";

/** What was heard of the other side; `errno` when it ended with an error, and neither when it stayed silent. */
export type Conversation = { said: string; errno?: string };

const SAID_CHARACTERS_MAX = 4_096;

/**
 * Connects, says one thing, listens until the other side ends or a whole answer is there. With `inTunnel`, the first answer of
 * `200` is a tunnel that was opened, and what is said in it takes its place. Never rejects.
 */
export function converse(talk: {
  host: string;
  port: number;
  timeoutMs: number;
  say: string;
  inTunnel?: string;
}): Promise<Conversation> {
  const { host, port, timeoutMs } = talk;
  return new Promise((resolve) => {
    let next = talk.inTunnel;
    let said = "";
    const socket = connect({ host, port });
    const settle = (errno?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(errno === undefined ? { said } : { said, errno });
    };
    // Timers come before what has arrived meanwhile when other checks held the thread: so once round again.
    const timer = setTimeout(() => setImmediate(() => setImmediate(settle)), timeoutMs);
    socket.once("connect", () => socket.write(talk.say));
    socket.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString("latin1")).slice(0, SAID_CHARACTERS_MAX);
      if (next !== undefined && /^HTTP\/1\.[01] 200[^]*?\r\n\r\n/.test(said)) {
        said = "";
        socket.write(next);
        next = undefined;
      }
    });
    socket.once("end", () => settle());
    socket.once("error", (error: NodeJS.ErrnoException) => settle(error.code ?? "unknown"));
  });
}
