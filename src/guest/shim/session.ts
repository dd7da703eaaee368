import { type ClientHttp2Session, connect } from "node:http2";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { AUTHORITY } from "../constants.ts";
import { joined } from "../joined.ts";

const WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * For what the window does not count. Node's HTTP/2 stops reading while a write of its own waits; two such ends with full
 * pipes between them wait for ever. So all that the window lets the host send is taken in, and its writes come to an end.
 */
const SLACK_BYTES = 4 * 1024 * 1024;

/** The HTTP/2 client over the sandbox's one stream, which is two pipes here. */
export function openSession(input: Readable, output: Writable): ClientHttp2Session {
  const session = connect(`http://${AUTHORITY.broker}`, {
    createConnection: () => joined(input, output, WINDOW_BYTES + SLACK_BYTES),
    maxSessionMemory: 128,
    settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
  });
  session.once("connect", () => session.setLocalWindowSize(WINDOW_BYTES));
  return session;
}

export type Broker = {
  /** One message. Rejects when the stream is reset or the session ends. */
  call(method: "GET" | "POST", path: string, body?: unknown): Promise<{ status: number; body: string }>;
};

export function brokerOf(session: ClientHttp2Session): Broker {
  return {
    async call(method, path, body) {
      const stream = session.request({
        ":method": method,
        ":path": path,
        ":authority": AUTHORITY.broker,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      });
      let status = 0;
      stream.once("response", (headers) => {
        status = headers[":status"] ?? 0;
      });
      stream.end(body === undefined ? undefined : JSON.stringify(body));
      const answer = await text(stream);
      return { status, body: answer };
    },
  };
}
