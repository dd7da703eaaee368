import { createSocket, type Socket as Datagrams, type RemoteInfo } from "node:dgram";
import { createServer, isIP, type Server, type Socket } from "node:net";
import { proofOf, SINK_ADDRESS, TOKEN } from "../../guest/probe/network/try.ts";
import { answerTo, questionOf } from "./dnsMessage.ts";
import { askedIn, pageFor } from "./simulated.ts";
import type { SinkRecord } from "./sinkRecord.ts";
import { isTls, type Within } from "./sinkTls.ts";

/** What is said in one connection before it is cut. */
const SAID_BYTES_MAX = 8 * 1024;
const IDLE_MS = 3_000;
const CONNECTIONS_MAX = 512;

const METADATA_SERVER = "weakdoor-simulated-metadata";
const SINK_SERVER = "weakdoor-sink";

/** What one listener needs to know besides its port. */
export type Listening = { metadata: ReadonlySet<string>; record: SinkRecord; within: Within | undefined };

/** Every address is ours, so one listener a port takes the connections to all of them. */
export function serveTcp(port: number, listening: Listening): Promise<Server> {
  const server = createServer((socket) => {
    const host = plain(socket.localAddress ?? "");
    listening.record.connected(host, socket.localPort ?? 0);
    hear(socket, { host, port: socket.localPort ?? 0 }, listening);
  });
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "::", port }, () => resolve(server));
  });
}

/**
 * Answers whoever says a token, or asks for a page. A request to open a tunnel is granted first, as a proxy would: a sandbox whose
 * proxy is another container finds the sink in its place, too.
 */
function hear(socket: Socket, place: { host: string; port: number }, listening: Listening): void {
  const { metadata, record, within } = listening;
  let said = "";
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  // The other side may go at any moment; what it has said by then is kept.
  socket.on("error", () => socket.destroy());
  const onData = (chunk: Buffer): void => {
    if (said === "" && within !== undefined && isTls(chunk)) {
      socket.off("data", onData);
      return hear(within(socket, chunk), place, { ...listening, within: undefined });
    }
    said += chunk.toString("latin1");
    if (said.length > SAID_BYTES_MAX) return void socket.destroy();
    const tunnel = /^CONNECT (\S+) HTTP\/1\.[01]\r\n[^]*?\r\n\r\n/.exec(said);
    if (tunnel !== null) {
      said = said.slice(tunnel[0].length);
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    }
    const name = (tunnel?.[1] ?? /^host: *(\S+)/im.exec(said)?.[1] ?? "").slice(0, 255);
    const token = record.take(said, { protocol: "tcp", ...place, name });
    const server = metadata.has(place.host) || metadata.has(name) ? METADATA_SERVER : SINK_SERVER;
    if (token !== undefined)
      return void socket.end(page(server, { type: "text/plain", body: `${proofOf(token)}\n` }));
    const asked = askedIn(said);
    if (asked !== undefined) socket.end(page(server, pageFor(asked, record.addressOf)));
  };
  socket.on("data", onData);
}

function page(server: string, { type, body }: { type: string; body: string }): string {
  return `HTTP/1.1 200 OK\r\nServer: ${server}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
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
  if (token !== undefined) return answerTo(message, question, { address: SINK_ADDRESS, text: proofOf(token) });
  return answerTo(message, question, { address: record.addressOf(name), text: SINK_SERVER });
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
