import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer as createTcpServer, type Server } from "node:net";
import { duplexPair } from "node:stream";
import { createSecureContext, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { acceptOf } from "../../../src/egress/tunnel/upgraded.ts";
import { selfSigned } from "../../support/selfSigned.ts";
import { startDnsStub } from "./dnsStub.ts";
import { ABSTRACT, API, addressesOf, OTHER_PORT, SOCKETS, SPLICED } from "./places.ts";

/** Something that arrived somewhere outside, whoever sent it. */
export type Sighting = {
  /** The address that was dialed; `dns` for a name that was asked for. */
  place: string;
  port: number;
  by: "bytes" | "request" | "query" | "datagram" | "unix";
  /** All of it, at most 64 KiB. */
  text: string;
  request: SeenRequest | null;
};

export type SeenRequest = {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
  /** Of the TLS greeting; empty without TLS and without a name. */
  serverName: string;
};

/**
 * The whole outside, within a network namespace that holds nothing else: every address there is leads to these servers,
 * which note what comes. The allowed host, an evil one and the inside of a network differ by their addresses alone.
 */
export type World = {
  /** PEM, of those who answer TLS by their right names. */
  certificates: string[];
  /** Sightings that hold this mark. */
  seen(mark: string): Sighting[];
  close(): Promise<void>;
};

const KEPT_BYTES = 64 * 1024;
const BIG_ANSWER = "b".repeat(300_000);

export async function startWorld(): Promise<World> {
  const sightings: Sighting[] = [];
  const note = (one: Omit<Sighting, "request"> & { request?: SeenRequest }) => {
    const sighting = { request: null, ...one };
    sightings.push(sighting);
    return sighting;
  };
  const hosts = [API, SPLICED, SOCKETS].map((host) => ({ host, ...selfSigned(host) }));
  const contexts = new Map(hosts.map(({ host, key, cert }) => [host, createSecureContext({ key, cert })]));
  const places = new WeakMap<object, { place: string; port: number }>();
  const placeOf = (request: IncomingMessage) => places.get(request.socket) ?? { place: "?", port: 0 };
  const http = createServer(listener((request, body) => note(sightingOf(request, body, placeOf(request)))));
  http.on("upgrade", (request, stream) => {
    note(sightingOf(request, "", placeOf(request)));
    const accept = acceptOf(request.headers["sec-websocket-key"] ?? "");
    const switched = `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n`;
    stream.end(`HTTP/1.1 101 Switching Protocols\r\n${switched}\r\n`);
  });
  const front = (accept: (inner: ReturnType<typeof duplexPair>[0], at: { place: string; port: number }) => void) =>
    createTcpServer((socket) => {
      const at = { place: plain(socket.localAddress ?? ""), port: socket.localPort ?? 0 };
      const bytes = note({ ...at, by: "bytes", text: "" });
      socket.on("data", (chunk: Buffer) => {
        if (bytes.text.length < KEPT_BYTES) bytes.text += chunk.toString("latin1");
      });
      const [outer, inner] = duplexPair();
      socket.on("error", () => outer.destroy());
      outer.on("error", () => socket.destroy());
      inner.on("error", () => undefined);
      socket.pipe(outer).pipe(socket);
      accept(inner, at);
    });
  const tcp = [
    listen(
      front((inner, at) => serve(inner, at)),
      80,
    ),
    listen(
      front((inner, at) => secure(inner, at)),
      443,
    ),
    listen(
      front((inner) => inner.resume()),
      OTHER_PORT,
    ),
  ];
  function serve(inner: object, at: { place: string; port: number }): void {
    places.set(inner, at);
    http.emit("connection", inner);
  }
  function secure(inner: ReturnType<typeof duplexPair>[0], at: { place: string; port: number }): void {
    const options = { SNICallback: sni, ALPNProtocols: ["h2", "http/1.1"] };
    const server = createTlsServer(options, (socket) => {
      socket.on("error", () => inner.destroy());
      if (socket.alpnProtocol === "h2") serveHttp2(socket, at);
      else serve(socket, at);
    });
    server.once("tlsClientError", () => inner.destroy());
    server.emit("connection", inner);
  }
  function serveHttp2(socket: TLSSocket, at: { place: string; port: number }): void {
    const server = createHttp2Server();
    server.on("sessionError", () => undefined);
    server.on("stream", (stream, headers, _, rawHeaders) => {
      stream.on("error", () => undefined);
      const { ":method": method = "", ":path": url = "", ":authority": authority } = headers;
      const host = headers.host ?? authority;
      const serverName = nameOf(socket);
      const request = { method, url, headers: { ...headers, host }, body: "", serverName };
      note({ ...at, by: "request", text: [...rawHeaders, serverName].join("\n").slice(0, KEPT_BYTES), request });
      stream.respond({ ":status": 200 });
      stream.end("ok");
    });
    server.emit("connection", socket);
  }
  const sni = (name: string, done: (error: Error | null, context?: ReturnType<typeof createSecureContext>) => void) =>
    done(null, contexts.get(name) ?? contexts.get(API));
  const udp = createSocket({ type: "udp4" });
  udp.on("message", (bytes) => note({ place: "udp", port: 443, by: "datagram", text: bytes.toString("latin1") }));
  udp.bind(443);
  const isUdpReady = once(udp, "listening");
  const unix = createTcpServer((socket) => {
    socket.on("data", (chunk) => note({ place: "unix", port: 0, by: "unix", text: chunk.toString() }));
    socket.on("error", () => undefined);
  }).listen(ABSTRACT);
  const isUnixReady = once(unix, "listening");
  const dns = await startDnsStub(addressesOf, API, (name) => {
    note({ place: "dns", port: 53, by: "query", text: name });
  });
  await Promise.all([...tcp.map(({ ready }) => ready), isUdpReady, isUnixReady]);
  return {
    certificates: hosts.map(({ cert }) => cert),
    seen: (mark) => sightings.filter(({ text }) => text.includes(mark)),
    async close() {
      for (const { server } of tcp) server.close();
      unix.close();
      udp.close();
      http.closeAllConnections();
      await dns.close();
    },
  };
}

function listen(server: Server, port: number): { server: Server; ready: Promise<unknown> } {
  server.listen(port, "::");
  return { server, ready: once(server, "listening") };
}

/** The address of a dual-stack listener, as IPv4 where it was dialed as that. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}

function listener(note: (request: IncomingMessage, body: string) => void): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = [];
    // What was broken off has arrived, too.
    const done = () => note(request, Buffer.concat(chunks).toString("latin1"));
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("error", done);
    request.once("end", () => {
      done();
      const redirect = /^\/v1\/redirect-([a-z]+)-(\w+)$/.exec(request.url ?? "");
      const to = { evil: "http://evil.example/v1", inside: "http://127.0.0.1/v1", api: `http://${API}/v1` }[
        redirect?.[1] ?? ""
      ];
      if (to !== undefined) response.writeHead(302, { location: `${to}/followed-${redirect?.[2]}` }).end();
      else response.end(request.url?.startsWith("/v1/big-") === true ? BIG_ANSWER : "ok");
    });
  };
}

/** Empty without TLS and without a name. */
function nameOf(socket: object): string {
  return "servername" in socket && typeof socket.servername === "string" ? socket.servername : "";
}

function sightingOf(request: IncomingMessage, body: string, at: { place: string; port: number }) {
  const { socket, rawHeaders } = request;
  const seen: SeenRequest = {
    method: request.method ?? "",
    url: request.url ?? "",
    headers: request.headers,
    body,
    serverName: nameOf(socket),
  };
  const text = [seen.method, seen.url, ...rawHeaders, body, seen.serverName].join("\n").slice(0, KEPT_BYTES);
  return { ...at, by: "request" as const, text, request: seen };
}
