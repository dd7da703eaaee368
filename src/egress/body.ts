import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";

/** The whole body of a request, or why it was not taken. Nothing is passed on before all of it was seen. */
export type Body =
  | {
      status: "whole";
      bytes: Buffer;
      /** Headers that came behind it, where there are any; they go nowhere. */
      trailers?: IncomingHttpHeaders;
    }
  | {
      status: "refused";
      reason: "body-too-long" | "body-too-slow" | "body-broken-off" /** What came till then. */;
      bytes: Buffer;
    };

/** Reads to the end, at most `bytesMax`, for at most `deadlineMs` however slowly it drips. Never rejects; the stream stays open for an answer. */
export function readBody(stream: Readable, bytesMax: number, deadlineMs: number): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let trailers: IncomingHttpHeaders | undefined;
    const settle = (reason?: Extract<Body, { status: "refused" }>["reason"]) => {
      clearTimeout(timer);
      stream.off("data", onData).off("end", onEnd).off("close", onClose).off("trailers", onTrailers);
      const bytes = Buffer.concat(chunks);
      if (reason !== undefined) resolve({ status: "refused", reason, bytes });
      else resolve({ status: "whole", bytes, ...(trailers === undefined ? {} : { trailers }) });
      // What still comes is thrown away, so that the peer's window does not fill and hide the answer.
      if (reason !== undefined) stream.resume();
    };
    const onData = (chunk: Buffer) => {
      const room = bytesMax - length;
      chunks.push(chunk.subarray(0, room));
      length += Math.min(chunk.length, room);
      if (chunk.length > room) settle("body-too-long");
    };
    const onTrailers = (headers: IncomingHttpHeaders) => {
      trailers = headers;
    };
    // Of HTTP/2 the trailers may be told of just behind the end.
    const onEnd = () => {
      stream.off("close", onClose);
      process.nextTick(settle);
    };
    const onClose = () => settle("body-broken-off");
    const timer = setTimeout(() => settle("body-too-slow"), deadlineMs);
    stream.on("data", onData).once("end", onEnd).once("close", onClose).once("trailers", onTrailers);
  });
}

/** JSON of a body, or undefined when it is none. JSON itself has no undefined. */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof TypeError) return undefined;
    throw thrown;
  }
}
