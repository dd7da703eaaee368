import type { ClientHttp2Session, OutgoingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { errnoOf } from "../../../src/base/errors.ts";
import { Unsent } from "./case.ts";

/** A way to speak to the proxy that is tried. */
export type Door = {
  /** `relay`: the proxy, seen through somebody else. */
  name: "proxy" | "channel" | "relay";
  ask(request: Plain): Promise<Reply>;
  tunnel(authority: string): Promise<Tunnel>;
  /** These bytes and no others. Throws Unsent where the door speaks frames. */
  raw(bytes: string): Promise<Reply>;
  /** A connection of its own; null where there are none. */
  dial: (() => Promise<Socket>) | null;
};

export type Plain = {
  method?: string;
  authority: string;
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
};
/** Code 0: nothing that can be read as an answer. */
export type Reply = { code: number; text: string };
export type Tunnel = { status: "open"; stream: Duplex } | { status: "refused"; code: number };

/** Longer than a refusal takes anywhere; what still says nothing then says nothing. */
const REPLY_MS = 4_000;

/** An HTTP/1.1 proxy, as programs are told of one. */
export function proxyDoor(name: "proxy" | "relay", open: () => Promise<Socket>): Door {
  const raw: Door["raw"] = async (bytes) => {
    const socket = await open();
    socket.write(bytes);
    return replyOf(await allOf(socket));
  };
  return {
    name,
    raw,
    dial: open,
    ask: ({ method = "GET", authority, path, headers = {}, body = "" }) => {
      const given = Object.entries({ host: authority, connection: "close", ...headers });
      const length = body === "" ? [] : [["content-length", `${Buffer.byteLength(body)}`]];
      const lines = [...given, ...length].map(([key, value]) => `${key}: ${value}\r\n`);
      return raw(`${method} http://${authority}${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
    },
    async tunnel(authority) {
      const socket = await open();
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
      const head = await headOf(socket);
      const { code } = replyOf(head);
      if (code === 200) return { status: "open", stream: socket };
      socket.destroy();
      return { status: "refused", code };
    },
  };
}

/** Streams on a sandbox's channel, without the manners of the shim. */
export function channelDoor(session: ClientHttp2Session): Door {
  const start = (headers: OutgoingHttpHeaders, hasBody: boolean) => {
    try {
      return session.request(headers, { endStream: !hasBody });
    } catch (thrown) {
      const code = errnoOf(thrown) ?? "";
      if (!/^ERR_(?:HTTP2|INVALID)_/.test(code)) throw thrown;
      throw new Unsent(code);
    }
  };
  return {
    name: "channel",
    dial: null,
    raw: () => Promise.reject(new Unsent("the channel carries frames")),
    async ask({ method = "GET", authority, path, headers = {}, body = "" }) {
      const pseudo = { ":method": method, ":scheme": "http", ":authority": authority, ":path": path };
      const stream = start({ ...headers, ...pseudo }, body !== "");
      let code = 0;
      let head = "";
      stream.once("response", (received) => {
        code = received[":status"] ?? 0;
        head = Object.entries(received)
          .map(([name, value]) => `${name}: ${String(value)}\r\n`)
          .join("");
      });
      if (body !== "") stream.end(body);
      const text = await allOf(stream);
      return { code, text: `${head}\r\n${text}` };
    },
    async tunnel(authority) {
      const stream = start({ ":method": "CONNECT", ":authority": authority }, true);
      const code = await new Promise<number>((resolve) => {
        stream.once("response", (received) => resolve(received[":status"] ?? 0));
        stream.once("error", () => resolve(0));
        stream.once("close", () => resolve(0));
      });
      if (code === 200) return { status: "open", stream };
      stream.destroy();
      return { status: "refused", code };
    },
  };
}

/** All that comes until the other side ends it or nothing more is waited for. */
export function allOf(stream: Duplex): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => stream.destroy(), REPLY_MS);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => undefined);
    stream.once("end", () => stream.destroy());
    stream.once("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString("latin1"));
    });
  });
}

/** Up to the empty line; what comes after it stays in the stream. */
function headOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let taken = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), REPLY_MS);
    const done = () => {
      clearTimeout(timer);
      socket.off("data", onData);
      resolve(taken.toString("latin1"));
    };
    const onData = (chunk: Buffer) => {
      taken = Buffer.concat([taken, chunk]);
      const end = taken.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.pause();
      socket.unshift(taken.subarray(end + 4));
      done();
    };
    socket.on("error", () => undefined);
    socket.once("close", done);
    socket.on("data", onData);
  });
}

function replyOf(text: string): Reply {
  return { code: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0), text };
}
