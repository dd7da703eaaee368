import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { ClientHttp2Session, IncomingHttpHeaders as Http2Headers, OutgoingHttpHeaders } from "node:http2";
import { type Duplex, pipeline } from "node:stream";
import { AUTHORITY, PROXY_PORT } from "../constants.ts";

/**
 * An HTTP proxy on loopback whose every request and tunnel becomes a stream to the gateway. Whoever in the sandbox goes
 * round it reaches nothing at all, because there is no network. What may leave is the gateway's to decide; here is only
 * refused what is the shim's own to say: its greeting, its heartbeat, and the tasks it takes up and hands in. Rejects when
 * the port is taken.
 */
export function serveProxy(session: ClientHttp2Session, port = PROXY_PORT): Promise<Server> {
  const server = createServer({ requestTimeout: 0 }, (incoming, outgoing) => forward(session, incoming, outgoing));
  server.on("connect", (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    tunnel(session, incoming, socket, head);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** Of this connection only, so not to be passed on (RFC 9110, 7.6.1), and what HTTP/2 forbids. */
const HOP_BY_HOP = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function forward(session: ClientHttp2Session, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const target = URL.canParse(incoming.url ?? "") ? new URL(incoming.url ?? "") : undefined;
  if (target === undefined) {
    outgoing.writeHead(400, { "content-type": "text/plain" }).end("this is a proxy: send the whole URL\n");
    return;
  }
  if (isOfShim(target)) {
    outgoing.writeHead(403, { "content-type": "text/plain" }).end("only the sandbox's first program says this\n");
    return;
  }
  const { headers } = incoming;
  // One frame in place of two: the second would wait until the first is written.
  const isBodiless = headers["content-length"] === undefined && headers["transfer-encoding"] === undefined;
  const stream = session.request(
    {
      ...passedOn(headers),
      ":method": incoming.method ?? "GET",
      ":scheme": target.protocol.slice(0, -1),
      ":authority": target.host,
      ":path": target.pathname + target.search,
    },
    { endStream: isBodiless },
  );
  stream.once("response", (answer) => {
    outgoing.writeHead(answer[":status"] ?? 502, passedOn(answer));
    // An end that came too early cuts the connection, which is how HTTP/1 tells the client.
    pipeline(stream, outgoing, () => undefined);
  });
  stream.once("error", (error) => refuse(outgoing, error));
  stream.once("close", () => refuse(outgoing, new Error("no answer")));
  outgoing.once("close", () => stream.close());
  if (isBodiless) incoming.resume();
  else pipeline(incoming, stream, () => undefined);
}

/** However the path is written: the gateway reads it strictly, so a spelling too many refused here is none that works there. */
function isOfShim(target: URL): boolean {
  if (target.hostname.replace(/\.+$/, "") !== AUTHORITY.broker) return false;
  const steps = target.pathname
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .toLowerCase()
    .split(/[/\\]+/)
    .filter((step) => step !== "" && step !== ".");
  return steps[0] === "v1" && ["hello", "heartbeat", "task"].includes(steps[1] ?? "");
}

function refuse(outgoing: ServerResponse, error: Error): void {
  if (outgoing.headersSent) return;
  outgoing.writeHead(502, { "content-type": "text/plain" }).end(`the gateway ended the request: ${error.message}\n`);
}

function tunnel(session: ClientHttp2Session, incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
  const stream = session.request({ ":method": "CONNECT", ":authority": incoming.url ?? "" });
  socket.on("error", () => stream.close());
  stream.on("error", () => socket.destroy());
  stream.once("response", (headers) => {
    const status = headers[":status"] ?? 502;
    if (status !== 200) return turnAway(stream, headers, socket);
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    if (head.length > 0) stream.write(head);
    pipeline(socket, stream, () => undefined);
    pipeline(stream, socket, () => undefined);
  });
  stream.once("close", () => socket.end());
}

/** The gateway's refusal with its reason, as a whole HTTP/1 answer. */
function turnAway(body: Duplex, headers: Http2Headers, socket: Duplex): void {
  const type = headers["content-type"] ?? "text/plain";
  socket.write(
    `HTTP/1.1 ${String(headers[":status"])} Refused\r\ncontent-type: ${type}\r\nconnection: close\r\n\r\n`,
  );
  pipeline(body, socket, () => undefined);
}

function passedOn(headers: IncomingHttpHeaders | Http2Headers): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const kept = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && !name.startsWith(":") && !HOP_BY_HOP.has(name) && !named.has(name),
  );
  return Object.fromEntries(kept);
}
