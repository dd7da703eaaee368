import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";

export type SeenOverHttp2 = {
  version: string;
  method: string;
  url: string;
  headers: Http2ServerRequest["headers"];
  body: string;
  serverName: string;
  /** Number of the connection it came by. */
  connection: number;
};

/** A host that offers HTTP/2 and HTTP/1.1, and remembers what it was asked. */
export type Http2Host = { port: number; seen: SeenOverHttp2[]; [Symbol.asyncDispose](): Promise<void> };

export async function http2Host(
  answer: (response: Http2ServerResponse, seen: SeenOverHttp2) => void,
  pair: { key: string; cert: string },
): Promise<Http2Host> {
  const seen: SeenOverHttp2[] = [];
  const sockets: TLSSocket[] = [];
  const server = createSecureServer({ ...pair, allowHTTP1: true }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      // Of a request of HTTP/1.1 it is the socket itself.
      const session = request.httpVersionMajor === 2 ? request.stream.session : undefined;
      const port = (session?.socket ?? request.socket).remotePort;
      const one: SeenOverHttp2 = {
        version: request.httpVersion,
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        serverName: sockets.find(({ remotePort }) => remotePort === port)?.servername || "",
        connection: sockets.findIndex(({ remotePort }) => remotePort === port),
      };
      seen.push(one);
      answer(response, one);
    });
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
  });
  server.on("sessionError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
