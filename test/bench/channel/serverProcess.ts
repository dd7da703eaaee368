import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { Socket } from "node:net";
import { json } from "node:stream/consumers";
import { serveChannel } from "../../../src/sandbox/channel.ts";
import { CHUNK_BYTES, type Job } from "./wire.ts";

/**
 * Stands where the gateway process stands: forked as that is, given the channel as that is, serving it by the same
 * function; but it decides nothing, logs nothing, and answers at once.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));

let job: Job | undefined;
let poll: ServerHttp2Stream | undefined;

process.on("message", (message: Job | { kind: "serve" }, handle) => {
  if (message.kind === "serve") {
    if (!(handle instanceof Socket)) throw new TypeError("no channel came with the message");
    void serveChannel(handle, answer).closed.then(() => process.send?.({ kind: "gone" }));
    return;
  }
  job = message;
  handOut();
});

function handOut(): void {
  if (job === undefined || poll === undefined) return;
  reply(poll, JSON.stringify(job));
  job = undefined;
  poll = undefined;
}

function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const path = headers[":path"] ?? "";
  if (path === "/bench/job") {
    poll = stream;
    handOut();
  } else if (path === "/bench/done") void take(stream);
  else if (path.startsWith("/bench/down/")) fill(stream, Number(path.slice("/bench/down/".length)));
  else if (path === "/bench/up") stream.resume().once("end", () => reply(stream, "took it"));
  else reply(stream, "hello");
}

async function take(stream: ServerHttp2Stream): Promise<void> {
  process.send?.({ kind: "done", result: await json(stream) });
  reply(stream, "");
}

function reply(stream: ServerHttp2Stream, body: string): void {
  stream.respond({ ":status": 200 });
  stream.end(body);
}

function fill(stream: ServerHttp2Stream, bytes: number): void {
  const chunk = Buffer.alloc(CHUNK_BYTES, "x");
  let left = bytes;
  stream.respond({ ":status": 200 });
  const write = () => {
    while (left > 0) {
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      left -= part.length;
      if (!stream.write(part)) return void stream.once("drain", write);
    }
    stream.end();
  };
  write();
}
