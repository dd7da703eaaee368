import { once } from "node:events";
import type { Duplex } from "node:stream";
import { frameReader } from "../../src/egress/tunnel/frameReader.ts";
import { frame, OPCODE, type Slice } from "../../src/egress/tunnel/frames.ts";
import { type FlowBench, type FlowBenchOptions, flowBench } from "./flowBench.ts";
import { selfSigned } from "./selfSigned.ts";
import { http2In, openTunnel, tlsIn } from "./tunnel.ts";
import { HOST } from "./tunnelBed.ts";
import { type Conduct, type WebsocketHost, websocketHost } from "./websocketHost.ts";

/** A host with WebSockets, a rule for it, the gateway between, and a client that says what it likes. */
export type WebsocketBed = {
  host: WebsocketHost;
  bench: FlowBench;
  place: string;
  open(alpn: Alpn, more?: Record<string, string>): Promise<Client>;
  [Symbol.asyncDispose](): Promise<void>;
};

type Alpn = "h2" | "http/1.1";

export type Client = {
  status: number;
  headers: Record<string, unknown>;
  /** Everything that came in frames. */
  got: Slice[];
  say(opcode: number, payload: string | Buffer, isFinal?: boolean): void;
  raw(bytes: Buffer): void;
  /** The number of the close frame that came, if one did. */
  closeCode(): number | null;
  stream: Duplex;
  closed: Promise<unknown>;
};

export async function websocketBed(
  over: Record<string, unknown> = {},
  options: FlowBenchOptions = {},
  conduct: Conduct = {},
): Promise<WebsocketBed> {
  const pair = selfSigned(HOST);
  const host = await websocketHost(pair, conduct);
  const rule = {
    id: "one",
    host: HOST,
    port: host.port,
    methods: ["GET"],
    paths: ["/v1/{id}"],
    requestBytesMax: 10_000,
    websocket: true,
    ...over,
  };
  const pins = [{ host: HOST, address: "127.0.0.1" }];
  const bench = await flowBench({ rules: [rule], pins, certificates: [pair.cert], ...options });
  const place = `${HOST}:${host.port}`;
  const tls = async (alpn: Alpn) =>
    tlsIn(await openTunnel(bench, place), HOST, { ca: await bench.certificate(), ALPNProtocols: [alpn] });
  return {
    host,
    bench,
    place,
    open: async (alpn, more = {}) => {
      const socket = await tls(alpn);
      return alpn === "h2"
        ? overHttp2(http2In(socket, `https://${place}`), place, more)
        : overHttp1(socket, place, more);
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

export const KEY = Buffer.alloc(16, 7).toString("base64");

async function overHttp1(socket: Duplex, place: string, more: Record<string, string>): Promise<Client> {
  const headers = {
    host: place,
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
    ...more,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET /v1/7 HTTP/1.1\r\n${lines.join("")}\r\n`);
  let head = Buffer.alloc(0);
  while (!head.includes("\r\n\r\n")) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    socket.pause();
    head = Buffer.concat([head, chunk]);
  }
  const end = head.indexOf("\r\n\r\n") + 4;
  if (head.length > end) socket.unshift(head.subarray(end));
  const [first = "", ...rest] = head.subarray(0, end).toString("latin1").trim().split("\r\n");
  const answered = Object.fromEntries(rest.map((line) => line.split(/: (.*)/).slice(0, 2) as [string, string]));
  return clientOn(socket, Number(first.split(" ")[1]), answered);
}

async function overHttp2(
  session: ReturnType<typeof http2In>,
  place: string,
  more: Record<string, string>,
): Promise<Client> {
  if (!session.remoteSettings.enableConnectProtocol) await once(session, "remoteSettings");
  const stream = session.request(
    {
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":scheme": "https",
      ":authority": place,
      ":path": "/v1/7",
      "sec-websocket-version": "13",
      ...more,
    },
    { endStream: false },
  );
  stream.on("error", () => undefined);
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  return clientOn(stream, Number(headers[":status"]), headers);
}

function clientOn(stream: Duplex, status: number, headers: Record<string, unknown>): Client {
  const got: Slice[] = [];
  const reader = frameReader(false);
  if (status === 101 || status === 200) {
    stream.on("data", (chunk: Buffer) => {
      for (const read of reader.read(chunk)) {
        if (read.status === "faulty") throw new Error(`the gateway sent a bad frame: ${read.reason}`);
        got.push(read.slice);
      }
    });
  }
  stream.resume();
  stream.on("error", () => undefined).once("end", () => stream.end());
  const raw = (bytes: Buffer) => void (stream.writable && stream.write(bytes));
  return {
    status,
    headers,
    got,
    stream,
    raw,
    say: (opcode, payload, isFinal = true) => raw(frame({ opcode, payload: Buffer.from(payload), isFinal }, true)),
    closeCode: () => got.find(({ opcode }) => opcode === OPCODE.close)?.payload.readUInt16BE(0) ?? null,
    closed: once(stream, "close"),
  };
}
