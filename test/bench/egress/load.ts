import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { clientHello } from "../../support/clientHello.ts";
import { percentile } from "../figure.ts";
import { type H2, h2 } from "./h2.ts";
import { BODY_BYTES, HOST, type Hold, type Job, PATH, PORTS, type Race, type Tally } from "./wire.ts";

/**
 * The one client of all proxies, as a process of its own: so many at once, each asking again when it has its answer, until the
 * time is up. An answer that is not the origin's own ends it.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));

const channels: H2[] = [];
process.on("message", (message: Job | { kind: "channel" }, handle: Socket) => {
  if (message.kind === "channel") {
    const channel = h2(handle);
    channels.push(channel);
    // With its gateway.
    handle.once("close", () => channels.splice(channels.indexOf(channel), 1));
    process.send?.("taken");
  } else if (message.kind === "hold") void hold(message).then(() => process.send?.("held"));
  else void race(message).then((tally) => process.send?.(tally));
});

async function race(job: Race): Promise<Tally> {
  const latencies: number[] = [];
  const clients = await Promise.all(Array.from({ length: job.connections }, () => clientOf(job)));
  const startMs = performance.now();
  const endMs = startMs + job.ms;
  await Promise.all(
    clients.map(async (client) => {
      for (let fromMs = performance.now(); fromMs < endMs; ) {
        await client.once();
        const atMs = performance.now();
        latencies.push(atMs - fromMs);
        fromMs = atMs;
      }
    }),
  );
  const seconds = (performance.now() - startMs) / 1_000;
  for (const client of clients) client.end();
  return { perSecond: latencies.length / seconds, p99Ms: percentile(latencies, 0.99) };
}

type Client = { once(): Promise<void>; end(): void };

async function clientOf({ kind, port, certificate }: Race): Promise<Client> {
  if (kind === "tunnel") return { once: () => throughTunnel(port), end: () => undefined };
  if (kind === "terminated")
    return asking(await tlsThrough(await tunnelTo(PORTS.tls, port), certificate), PATH, HOST);
  const place = `${HOST}:${PORTS.plain}`;
  if (port !== null) return asking(await connected(port), `http://${place}${PATH}`, place);
  const channel = channelOf(0);
  return {
    async once() {
      const status = await channel.request(place, PATH);
      if (status !== 200) throw new Error(`answered ${status}`);
    },
    end: () => undefined,
  };
}

async function throughTunnel(port: number | null): Promise<void> {
  const tunnel = await tunnelTo(PORTS.opaque, port);
  let came = 0;
  tunnel.on("data", (chunk: Buffer) => {
    came += chunk.length;
  });
  tunnel.write(HELLO);
  await once(tunnel, "end");
  tunnel.end();
  if (came !== BODY_BYTES) throw new Error(`${came} bytes came through the tunnel`);
}

const HELLO = clientHello({ names: [HOST] });

/** Opens them a few at a time, as a client would not outrun its own handshakes. */
async function hold({ mode, tunnels, certificate }: Hold): Promise<void> {
  for (let opened = 0; opened < tunnels; opened += AT_ONCE) {
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, tunnels - opened) }, async (_, i) => {
        const tunnel = await tunnelTo(mode === "spliced" ? PORTS.held : PORTS.tls, null, opened + i);
        if (mode === "terminated") return asking(await tlsThrough(tunnel, certificate), PATH, HOST).once();
        tunnel.write(HELLO);
        const [, ended] = await Promise.race([once(tunnel, "data"), once(tunnel, "end").then(() => [null, true])]);
        if (ended === true) throw new Error("the tunnel was ended");
      }),
    );
  }
}

const AT_ONCE = 25;

async function tunnelTo(to: number, port: number | null, turn = 0): Promise<Duplex> {
  const place = `${HOST}:${to}`;
  if (port === null) return channelOf(turn).connect(place);
  const socket = await connected(port);
  socket.write(`CONNECT ${place} HTTP/1.1\r\nhost: ${place}\r\n\r\n`);
  const [head] = (await once(socket, "data")) as [Buffer];
  if (!/^HTTP\/1\.[01] 200[^]*\r\n\r\n$/.test(head.toString("latin1")))
    throw new Error(`answered ${head.toString()}`);
  return socket;
}

async function tlsThrough(tunnel: Duplex, ca: string): Promise<Duplex> {
  const socket = connectTls({ socket: tunnel, servername: HOST, ca, ALPNProtocols: ["http/1.1"] });
  await once(socket, "secureConnect");
  return socket;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  return socket;
}

function channelOf(turn: number): H2 {
  const channel = channels[turn % channels.length];
  if (channel === undefined) throw new Error("there is no channel");
  return channel;
}

/** Over one connection, one after the other: the whole of an answer is waited for. */
function asking(socket: Duplex, target: string, host: string): Client {
  const request = Buffer.from(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: bench\r\n\r\n`);
  let waiting: PromiseWithResolvers<void> | undefined;
  let text = "";
  socket.on("error", (error) => waiting?.reject(error));
  socket.once("close", () => waiting?.reject(new Error("the connection was closed")));
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    if (!isWhole(text)) return;
    if (text.startsWith("HTTP/1.1 200 ")) waiting?.resolve();
    else waiting?.reject(new Error(text.slice(0, 200)));
    text = "";
  });
  return {
    once() {
      waiting = Promise.withResolvers();
      socket.write(request);
      return waiting.promise;
    },
    end: () => void socket.destroy(),
  };
}

/** By its length where it says one, else by the chunk that is the last. */
function isWhole(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, head + 2))?.[1];
  return length === undefined ? text.endsWith("\r\n0\r\n\r\n") : text.length >= head + 4 + Number(length);
}
