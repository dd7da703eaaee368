import type { Duplex } from "node:stream";
import type { TunnelFault } from "../reasons.ts";
import { type ClientHello, readClientHello } from "./clientHello.ts";

export type Greeting =
  | { status: "greeted"; hello: ClientHello /** What it was read from, which the stream still has. */; bytes: Buffer }
  | { status: "refused"; reason: TunnelFault; bytes: Buffer };

const GREETING_BYTES_MAX = 16 * 1024;

/**
 * Waits for the whole ClientHello, at most 16 KiB of it and for at most `deadlineMs` however slowly it drips. Nothing is
 * consumed: the stream is left paused, as if nobody had read. Never rejects.
 */
export function peekGreeting(stream: Duplex, deadlineMs: number): Promise<Greeting> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const settle = (greeting: Greeting) => {
      clearTimeout(timer);
      stream.off("data", onData).off("end", onEnd).off("close", onEnd);
      stream.pause();
      if (!stream.readableEnded && !stream.destroyed && bytes.length > 0) stream.unshift(bytes);
      resolve(greeting);
    };
    const onData = (chunk: Buffer) => {
      bytes = joined(bytes, chunk);
      const peeked = readClientHello(bytes.subarray(0, GREETING_BYTES_MAX));
      if (peeked.status === "whole") settle({ status: "greeted", hello: peeked.hello, bytes });
      else if (peeked.status === "refused") settle({ ...peeked, bytes });
      else if (bytes.length >= GREETING_BYTES_MAX) settle({ status: "refused", reason: "hello-too-long", bytes });
    };
    const onEnd = () => settle({ status: "refused", reason: "hello-broken-off", bytes });
    const timer = setTimeout(() => settle({ status: "refused", reason: "hello-too-slow", bytes }), deadlineMs);
    stream.on("data", onData).once("end", onEnd).once("close", onEnd);
  });
}

/** Not of the shared pool: it lives as long as its tunnel, and would keep 64 KiB alive with it. */
function joined(before: Buffer, chunk: Buffer): Buffer {
  const bytes = Buffer.alloc(before.length + chunk.length);
  before.copy(bytes);
  chunk.copy(bytes, before.length);
  return bytes;
}
