import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { frameReader } from "../../src/egress/tunnel/frameReader.ts";
import { frame, OPCODE, type Slice } from "../../src/egress/tunnel/frames.ts";
import { acceptOf } from "../../src/egress/tunnel/upgraded.ts";

/** A host that opens WebSockets, remembers what came, and answers as it is told. */
export type WebsocketHost = {
  port: number;
  asked: IncomingMessage[];
  got: Slice[];
  ended: number;
  [Symbol.asyncDispose](): Promise<void>;
};

export type Conduct = {
  /** Headers of its 101, over the right ones; null: 404 instead. */
  headers?: Record<string, string> | null;
  /** What it does with a slice; echoes when left out. */
  onSlice?: (slice: Slice, peer: Duplex) => void;
  onOpen?: (peer: Duplex) => void;
};

export async function websocketHost(
  pair: { key: string; cert: string },
  { headers = {}, onSlice = echo, onOpen }: Conduct = {},
): Promise<WebsocketHost> {
  const asked: IncomingMessage[] = [];
  const got: Slice[] = [];
  const peers = new Set<Duplex>();
  const host = { asked, got, ended: 0 };
  const server = createServer(pair, (_, response) => void response.end("no websocket"));
  server.on("upgrade", (request, peer) => {
    asked.push(request);
    peers.add(peer);
    peer.on("error", () => undefined).once("close", () => host.ended++);
    if (headers === null) return void peer.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    const all = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-accept": acceptOf(request.headers["sec-websocket-key"] ?? ""),
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    peer.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
    onOpen?.(peer);
    const reader = frameReader(true);
    peer.on("data", (chunk: Buffer) => {
      for (const read of reader.read(chunk)) {
        if (read.status === "faulty") throw new Error(`the gateway sent a bad frame: ${read.reason}`);
        got.push(read.slice);
        onSlice(read.slice, peer);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(host, {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const peer of peers) peer.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function echo(slice: Slice, peer: Duplex): void {
  const opcode = slice.opcode === OPCODE.ping ? OPCODE.pong : slice.opcode;
  peer.write(frame({ ...slice, opcode }, false));
  if (slice.opcode === OPCODE.close) peer.end();
}
