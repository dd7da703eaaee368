import { createSocket, type Socket as Datagrams, type RemoteInfo } from "node:dgram";
import { createServer, isIP, type Server, type Socket } from "node:net";
import { proofOf, TOKEN } from "../../guest/probe/network/try.ts";
import { answerTo, questionOf } from "./dnsMessage.ts";
import type { SinkRecord } from "./sinkRecord.ts";

/** What is said in one connection before it is cut. */
const SAID_BYTES_MAX = 8 * 1024;
const IDLE_MS = 3_000;
const CONNECTIONS_MAX = 512;

const METADATA_SERVER = "weakdoor-simulated-metadata";
const SINK_SERVER = "weakdoor-sink";

/** Every address is ours, so one listener a port takes the connections to all of them. */
export function serveTcp(port: number, metadata: ReadonlySet<string>, record: SinkRecord): Promise<Server> {
  const server = createServer((socket) => hear(socket, metadata, record));
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "::", port }, () => resolve(server));
  });
}

/**
 * Answers whoever says a token. A request to open a tunnel is granted first, as a proxy would: a sandbox whose proxy is
 * another container finds the sink in its place, too.
 */
function hear(socket: Socket, metadata: ReadonlySet<string>, record: SinkRecord): void {
  const host = plain(socket.localAddress ?? "");
  const port = socket.localPort ?? 0;
  record.connected(host, port);
  let said = "";
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  // The other side may go at any moment; what it has said by then is kept.
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    said += chunk.toString("latin1");
    if (said.length > SAID_BYTES_MAX) return void socket.destroy();
    const tunnel = /^CONNECT (\S+) HTTP\/1\.[01]\r\n[^]*?\r\n\r\n/.exec(said);
    if (tunnel !== null) {
      said = said.slice(tunnel[0].length);
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    }
    const name = (tunnel?.[1] ?? /^host: *(\S+)/im.exec(said)?.[1] ?? "").slice(0, 255);
    const token = record.take(said, { protocol: "tcp", host, port, name });
    if (token !== undefined) socket.end(answer(token, metadata.has(host) ? METADATA_SERVER : SINK_SERVER));
  });
}

function answer(token: string, server: string): string {
  const body = `${proofOf(token)}\n`;
  return `HTTP/1.1 200 OK\r\nServer: ${server}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
}

/** A socket for each address, so that the answer comes from where the question went. */
export function serveUdp(host: string, port: number, record: SinkRecord): Promise<Datagrams> {
  const socket = createSocket({ type: isIP(host) === 6 ? "udp6" : "udp4", reuseAddr: true });
  const reply = port === 53 ? dnsReply : plainReply;
  socket.on("message", (message, from) => {
    const said = reply(message, host, port, record);
    if (said !== undefined) send(socket, said, from);
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address: host, port }, () => {
      socket.off("error", reject);
      // Whoever asked is gone.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

function send(socket: Datagrams, said: Buffer, from: RemoteInfo): void {
  socket.send(said, from.port, from.address, () => undefined);
}

function dnsReply(message: Buffer, host: string, port: number, record: SinkRecord): Buffer | undefined {
  const question = questionOf(message);
  if (question === undefined) return undefined;
  const { name } = question;
  const token = record.take(name, { protocol: "dns", host, port, name });
  return answerTo(message, question, token === undefined ? SINK_SERVER : proofOf(token));
}

function plainReply(message: Buffer, host: string, port: number, record: SinkRecord): Buffer | undefined {
  const text = message.toString("latin1", 0, Math.min(message.length, 512));
  const token = record.take(text, { protocol: "udp", host, port, name: "" });
  return token === undefined || !TOKEN.test(text) ? undefined : Buffer.from(proofOf(token));
}

/** An address of version 4 that came by a socket of version 6. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}
