import { createServer as createTcp, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { BODY_BYTES, type Ended, PORTS, wallMs } from "./wire.ts";

/**
 * What every proxy of the bench reaches, as a process of its own that does next to nothing: the same answer to each request,
 * whatever it asks. Behind a tunnel that is passed on as it is nobody speaks TLS: the greeting is taken for the request. Tells
 * when all of the connections that are held have ended.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.once("message", ({ key, cert }: { key: string; cert: string }) => {
  createTcp({ noDelay: true }, serve).listen(PORTS.plain, "127.0.0.1");
  createTls({ key, cert, noDelay: true }, serve).listen(PORTS.tls, "127.0.0.1");
  createTcp({ noDelay: true }, hold).listen(PORTS.held, "127.0.0.1");
  createTcp({ noDelay: true }, answerOnce).listen(PORTS.opaque, "127.0.0.1", () => process.send?.("ready"));
});

const BODY = "x".repeat(BODY_BYTES);
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY_BYTES}\r\n\r\n${BODY}`,
);

function serve(socket: Socket): void {
  let rest = "";
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    const heads = (rest + chunk.toString("latin1")).split("\r\n\r\n");
    rest = heads.pop() ?? "";
    for (const _ of heads) socket.write(ANSWER);
  });
}

function answerOnce(socket: Socket): void {
  socket.on("error", () => undefined);
  socket.once("data", () => socket.end(BODY));
}

let held = 0;
let most = 0;

function hold(socket: Socket): void {
  most = Math.max(most, ++held);
  socket.on("error", () => undefined);
  socket.once("data", () => socket.write("x"));
  socket.once("close", () => {
    held--;
    if (held > 0) return;
    const ended: Ended = { connections: most, lastAtMs: wallMs() };
    most = 0;
    process.send?.(ended);
  });
}
