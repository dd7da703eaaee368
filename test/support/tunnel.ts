import { once } from "node:events";
import { Agent, request } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import type { FlowBench } from "./flowBench.ts";

/** A client of a tunnel, with every say in what it sends. */
export type OpenTunnel = { status: number; stream: ClientHttp2Stream; text(): Promise<string> };

export async function openTunnel(bench: Pick<FlowBench, "shim">, authority: string): Promise<OpenTunnel> {
  const stream = bench.shim.session.request({ ":method": "CONNECT", ":authority": authority }, { endStream: false });
  stream.on("error", () => undefined);
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  return {
    status: Number(headers[":status"]),
    stream,
    text: async () => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      if (!stream.closed) await once(stream, "close");
      return Buffer.concat(chunks).toString("latin1");
    },
  };
}

/** Rejects when the handshake fails, or the other end closes before. */
export async function tlsIn(
  { stream }: OpenTunnel,
  servername: string,
  options: ConnectionOptions,
): Promise<TLSSocket> {
  const socket = connectTls({ socket: stream, servername, ...options });
  const early = once(stream, "close").then(() => {
    throw new Error("the tunnel was closed");
  });
  early.catch(() => undefined);
  await Promise.race([once(socket, "secureConnect"), early]);
  socket.on("error", () => undefined);
  return socket;
}

export type Answered = { status: number; headers: Record<string, unknown>; text: string };

/** Requests of HTTP/1.1, one after the other, over a connection that is there and stays open. */
export function http1In(socket: TLSSocket): (asking: Asking) => Promise<Answered> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  return ({ method = "GET", path = "/", headers = {}, body = "" }) =>
    new Promise((resolve, reject) => {
      const outgoing = request({ agent, method, path, headers, setHost: false }, (incoming) => {
        let text = "";
        incoming.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        incoming.once("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }));
        incoming.once("error", reject);
      });
      outgoing.once("error", reject);
      outgoing.end(body);
    });
}

export type Asking = { method?: string; path?: string; headers?: Record<string, string>; body?: string };

/** Bytes as they stand, and all that comes back till the connection ends. */
export async function sayRaw(socket: TLSSocket, bytes: string): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  socket.write(bytes, "latin1");
  if (!socket.closed) await once(socket, "close");
  return text;
}

export function http2In(socket: TLSSocket, origin: string): ClientHttp2Session {
  const session = connectHttp2(origin, { createConnection: () => socket });
  session.on("error", () => undefined);
  return session;
}

export function askHttp2(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body?: string,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined });
    let reply: Record<string, unknown> = {};
    let text = "";
    stream.on("response", (received) => {
      reply = received;
    });
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    stream.on("error", () => undefined);
    stream.once("close", () => {
      const status = reply[":status"];
      if (typeof status !== "number") return reject(new Error(`no answer, reset with ${stream.rstCode}`));
      resolve({ status, headers: reply, text });
    });
    if (body !== undefined) stream.end(body);
  });
}
