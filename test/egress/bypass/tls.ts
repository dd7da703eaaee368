import { randomBytes } from "node:crypto";
import { connect as connectHttp2 } from "node:http2";
import { duplexPair } from "node:stream";
import { connect } from "node:tls";
import type { Attempt, Control } from "./case.ts";
import { allOf, type Door, type Plain, type Reply } from "./door.ts";
import { ADDRESS, API } from "./places.ts";
import type { Sighting } from "./world.ts";

export type Within = {
  /** What the tunnel is opened to. */
  to: string;
  /** Empty: no name is given. */
  serverName: string;
  /** `authority` is what stands in Host. */
  request: Plain;
};

/**
 * TLS in a tunnel, and one request in it. The certificate is not looked at: whose it is differs between a proxy that
 * terminates and one that does not, and what counts is what the world saw. Code 0 when there was no tunnel or no TLS.
 */
export async function askWithin(door: Door, { to, serverName, request }: Within): Promise<Reply> {
  const tunnel = await door.tunnel(to);
  if (tunnel.status === "refused") return { code: 0, text: `no tunnel: ${tunnel.code}` };
  const { method = "GET", authority, path, headers = {}, body = "" } = request;
  const socket = connect({
    socket: tunnel.stream,
    servername: serverName,
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
  tunnel.stream.on("error", () => socket.destroy());
  const given = Object.entries({ host: authority, connection: "close", ...headers });
  const length = body === "" ? [] : [["content-length", `${Buffer.byteLength(body)}`]];
  const lines = [...given, ...length].map(([key, value]) => `${key}: ${value}\r\n`).join("");
  socket.once("secureConnect", () => socket.write(`${method} ${path} HTTP/1.1\r\n${lines}\r\n${body}`));
  const text = await allOf(socket);
  tunnel.stream.destroy();
  return { code: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0), text };
}

/** The same over HTTP/2, of which a request has more than one place to say for whom it is. */
export async function askWithinHttp2(
  door: Door,
  { to, serverName }: Pick<Within, "to" | "serverName">,
  headers: Readonly<Record<string, string>>,
): Promise<Reply> {
  const tunnel = await door.tunnel(to);
  if (tunnel.status === "refused") return { code: 0, text: `no tunnel: ${tunnel.code}` };
  const socket = connect({
    socket: tunnel.stream,
    servername: serverName,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
  });
  tunnel.stream.on("error", () => socket.destroy());
  const session = connectHttp2(`https://${to}`, { createConnection: () => socket });
  session.on("error", () => undefined);
  const stream = session.request({ ":method": "GET", ...headers });
  let code = 0;
  stream.once("response", (received) => {
    code = received[":status"] ?? 0;
  });
  const text = await allOf(stream);
  session.destroy();
  tunnel.stream.destroy();
  return { code, text };
}

/** The usual request in the usual tunnel. */
export const tunnelControl = (host = API): Control => ({
  name: `a request in a tunnel to ${host} arrives`,
  run: async (door, mark) =>
    void (await askWithin(door, {
      to: `${host}:443`,
      serverName: host,
      request: { authority: host, path: `/v1/${mark}` },
    })),
  // In a tunnel that nobody looks into, what arrives is the same.
  isPassed: ({ by, place, port }) => by === "request" && place === ADDRESS.api && port === 443,
});

export const http2Control = (): Control => ({
  name: `a request over HTTP/2 in a tunnel to ${API} arrives`,
  run: async (door, mark) =>
    void (await askWithinHttp2(
      door,
      { to: `${API}:443`, serverName: API },
      { ":authority": API, ":path": `/v1/${mark}` },
    )),
  isPassed: ({ by, place, port }) => by === "request" && place === ADDRESS.api && port === 443,
});

/** The same request without TLS and within it. */
export function bothWays(
  name: string,
  request: (mark: string) => Plain,
  isThrough?: (sighting: Sighting) => boolean,
): Attempt[] {
  const rest = isThrough === undefined ? {} : { isThrough };
  return [
    { name, run: async (door, mark) => void (await door.ask(request(mark))), ...rest },
    {
      name: `${name}, in a tunnel`,
      run: async (door, mark) =>
        void (await askWithin(door, { to: `${API}:443`, serverName: API, request: request(mark) })),
      ...rest,
    },
  ];
}

const ECH = 0xfe0d;

/**
 * A TLS greeting with an encrypted one inside (ECH, RFC 9849): a real one by this Node, with the extension added. What is
 * in it nobody can read; here it is the mark.
 */
export async function greetingWithEch(serverName: string, mark: string): Promise<Buffer> {
  const [near, far] = duplexPair();
  const socket = connect({ socket: near, servername: serverName, ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => undefined);
  const hello = await new Promise<Buffer>((resolve) => far.once("data", resolve));
  socket.destroy();
  const body = Buffer.concat([Buffer.from(mark), randomBytes(16)]);
  const extension = Buffer.concat([u16(ECH), u16(body.length), body]);
  // Record header 5, handshake header 4, version 2, random 32, then three vectors before the extensions.
  let at = 5 + 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const longer = Buffer.concat([hello.subarray(0, 5 + 4 + bodyLength(hello)), extension]);
  longer.writeUInt16BE(longer.readUInt16BE(at) + extension.length, at);
  longer.writeUInt16BE(longer.readUInt16BE(3) + extension.length, 3);
  longer.writeUIntBE(bodyLength(hello) + extension.length, 6, 3);
  return longer;
}

function bodyLength(hello: Buffer): number {
  return hello.readUIntBE(6, 3);
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

/**
 * A tunnel with TLS in it that stays open, and a way to send one more request through it; null when it does not open. Resolves
 * to the code that was answered, 0 when none was.
 */
export async function keptOpen(door: Door, host: string): Promise<((path: string) => Promise<number>) | null> {
  const tunnel = await door.tunnel(`${host}:443`);
  if (tunnel.status === "refused") return null;
  const socket = connect({
    socket: tunnel.stream,
    servername: host,
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
  tunnel.stream.on("error", () => socket.destroy());
  socket.on("error", () => undefined);
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once("secureConnect", () => resolve(true));
    socket.once("close", () => resolve(false));
  });
  if (!isOpen) return null;
  return (path) =>
    new Promise((resolve) => {
      const done = (chunk?: Buffer) => {
        clearTimeout(timer);
        socket.off("data", done).off("close", gone);
        resolve(Number(/^HTTP\/1\.[01] (\d{3})/.exec(chunk?.toString("latin1") ?? "")?.[1] ?? 0));
      };
      const gone = () => done();
      const timer = setTimeout(gone, 1_000);
      socket.once("data", done).once("close", gone);
      if (!socket.writable) gone();
      else socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    });
}
