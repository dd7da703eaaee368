import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from "node:http2";
import type { Duplex } from "node:stream";
import { AUTHORITY, type Task } from "../../src/guest/wire.ts";

/** A sandbox's end of the channel without a sandbox: the HTTP/2 client that the shim is, and nothing of its manners. */
export type FakeShim = {
  session: ClientHttp2Session;
  ask(headers: OutgoingHttpHeaders, body?: string | Uint8Array): Promise<Reply>;
  /** One message to the broker, as JSON unless it is a string. */
  tell(method: "GET" | "POST", path: string, body?: unknown): Promise<Reply>;
  hello(): Promise<Reply>;
  /** Takes up one task. */
  takeTask(): Promise<Task>;
};

export type Reply = {
  status: number;
  headers: Record<string, unknown>;
  text: string /** How the stream was reset; 0 when it was not. */;
  reset: number;
};

export function fakeShim(channel: Duplex): FakeShim {
  const session = connect("http://gateway", { createConnection: () => channel });
  // The channel is cut in many of the tests: whoever waits for a reply sees it.
  session.on("error", () => undefined);
  const ask: FakeShim["ask"] = (headers, body) =>
    new Promise((resolve, reject) => {
      const isTunnel = headers[":method"] === "CONNECT";
      const usual = isTunnel ? {} : { ":method": "GET", ":scheme": "http" };
      const stream = session.request({ ...usual, ...headers }, { endStream: body === undefined && !isTunnel });
      const chunks: Buffer[] = [];
      let reply: Record<string, unknown> = {};
      stream.on("response", (received) => {
        reply = received;
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", () => undefined);
      stream.once("close", () => {
        const status = reply[":status"];
        if (typeof status !== "number") return reject(new Error(`no answer, reset with ${stream.rstCode}`));
        resolve({ status, headers: reply, text: Buffer.concat(chunks).toString(), reset: stream.rstCode ?? 0 });
      });
      if (body !== undefined) stream.end(body);
    });
  const tell: FakeShim["tell"] = (method, path, body) =>
    ask(
      { ":method": method, ":authority": AUTHORITY.broker, ":path": path },
      body === undefined || typeof body === "string" ? body : JSON.stringify(body),
    );
  return {
    session,
    ask,
    tell,
    hello: () => tell("POST", "/v1/hello", { node: "v24.0.0", pid: 1 }),
    async takeTask() {
      const { status, text } = await tell("GET", "/v1/task");
      if (status !== 200) throw new Error(`no task: ${status}`);
      return JSON.parse(text) as Task;
    },
  };
}

/** What a shim hands in for a task that went well. */
export function resultOf(id: string, stdout = "") {
  return {
    id,
    code: 0,
    signal: null,
    stdout,
    stderr: "",
    isTruncated: false,
    isTimedOut: false,
    durationMs: 1,
  };
}
