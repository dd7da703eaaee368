import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export type Seen = {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
  serverName: string;
};

/** A host of the outside, on loopback, that remembers what it was asked. */
export type Upstream = { port: number; seen: Seen[]; [Symbol.asyncDispose](): Promise<void> };

export async function upstream(
  answer: (response: ServerResponse, seen: Seen) => void,
  tls?: { key: string; cert: string; ciphers?: string },
): Promise<Upstream> {
  const seen: Seen[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      const servername: unknown = "servername" in request.socket ? request.socket.servername : "";
      const one: Seen = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        serverName: typeof servername === "string" ? servername : "",
      };
      seen.push(one);
      answer(response, one);
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
