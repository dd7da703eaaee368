import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { messageOf } from "../base/errors.ts";
import { socketPair } from "./socketPair.ts";

/**
 * The host's end of a sandbox's only link: an HTTP/2 server (cleartext, prior knowledge) over one arbitrary byte stream.
 * Whoever speaks on it is not to be trusted: any process in the sandbox may have got hold of the stream, so who it is
 * follows from which stream it came by, and every limit is per channel.
 */
export type ServedChannel = {
  /** Resolves, never rejects, when the last byte is through and the session is gone; says why. */
  closed: Promise<ChannelEnd>;
  /** Cuts it now: every stream is reset, nothing more is read or written. Idempotent. */
  destroy(): void;
};

export type ChannelEnd =
  | { status: "ended" } // the sandbox went away or `destroy` was called
  | { status: "refused"; reason: string }; // the peer broke the protocol or a limit

export type ChannelLimits = {
  /** Streams open at once; one more is refused by REFUSED_STREAM. */
  streamsMax: number;
  /** All header names and values of one request, with 32 bytes each on top (RFC 9113, 6.5.2). */
  headerBytesMax: number;
  headersMax: number;
  /** What the session may hold in memory, windows and queued frames together. Node counts it in whole MiB. */
  memoryMiBMax: number;
  /** Received but unread bytes, per stream and for the session. 4 MiB was the fastest of 64 KiB, 1 MiB and 4 MiB over container stdio. */
  windowBytes: number;
  /** Streams that the peer resets right away (CVE-2023-44487): a burst, then so many a second; more ends the session. */
  resetBurst: number;
  resetsPerSecond: number;
  invalidFramesMax: number;
  rejectedStreamsMax: number;
  /** May a CONNECT name a protocol (RFC 8441)? Without it nghttp2 resets such a stream, and nobody hears of it. */
  isConnectExtended: boolean;
};

export const CHANNEL_LIMITS: ChannelLimits = {
  streamsMax: 256,
  headerBytesMax: 16 * 1024,
  headersMax: 100,
  memoryMiBMax: 64,
  windowBytes: 4 * 1024 * 1024,
  resetBurst: 1_000,
  resetsPerSecond: 100,
  invalidFramesMax: 50,
  rejectedStreamsMax: 200,
  isConnectExtended: false,
};

/**
 * Serves HTTP/2 over `stream`, which is owned from here on and destroyed with the session. `onStream` is called once for
 * each request and each CONNECT, and must not throw. A stream's error events are already listened to.
 */
export function serveChannel(
  stream: Duplex,
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  limits: Partial<ChannelLimits> = {},
): ServedChannel {
  const bound = { ...CHANNEL_LIMITS, ...limits };
  const server = createServer(optionsOf(bound));
  const end = Promise.withResolvers<ChannelEnd>();
  const held: Duplex[] = [stream];
  let session: ServerHttp2Session | undefined;
  let refusal: string | undefined;
  let isOver = false;
  let streams = 0;
  const settle = () =>
    end.resolve(refusal === undefined ? { status: "ended" } : { status: "refused", reason: refusal });
  const close = (thrown?: unknown) => {
    if (isOver) return;
    isOver = true;
    if (thrown !== undefined) refusal ??= messageOf(thrown);
    for (const one of held) one.destroy();
    // The session says what it did not like only as it closes.
    if (session === undefined || session.destroyed) setImmediate(settle);
    else session.once("close", settle).destroy();
  };
  server.on("session", (opened) => {
    session = opened;
    opened.setLocalWindowSize(bound.windowBytes);
    opened.once("close", () => close());
  });
  server.on("sessionError", (error) => {
    refusal ??= messageOf(error);
  });
  server.on("stream", (requested, headers) => {
    // A stream that the peer resets emits this; its handler sees `aborted` and `close`, and nobody else needs to know.
    requested.on("error", () => undefined);
    requested.once("close", () => streams--);
    // Node holds a peer to these two only once it has acknowledged our settings, which it may never do.
    if (++streams > bound.streamsMax) return requested.close(constants.NGHTTP2_REFUSED_STREAM);
    if (bytesOf(headers) > bound.headerBytesMax) return requested.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    onStream(requested, headers);
  });
  stream.once("error", close);
  stream.once("close", () => close());
  const begin = (socket: Socket) => {
    server.emit("connection", socket);
    // One that was accepted paused reads only when it is asked to.
    socket.read(0);
  };
  if (stream instanceof Socket) begin(stream);
  else
    socketPair().then(({ near, far }) => {
      held.push(near, far);
      if (isOver) {
        for (const one of held) one.destroy();
        return;
      }
      for (const one of held) one.on("error", () => close());
      begin(near);
      pipeline(stream, far, () => close());
      pipeline(far, stream, () => close());
    }, close);
  return { closed: end.promise, destroy: () => close() };
}

/** As RFC 9113, 6.5.2 counts them. */
function bytesOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : [value ?? ""]) bytes += name.length + one.length + 32;
  }
  return bytes;
}

function optionsOf(bound: ChannelLimits) {
  return {
    maxSessionMemory: bound.memoryMiBMax,
    maxHeaderListPairs: bound.headersMax,
    maxSessionInvalidFrames: bound.invalidFramesMax,
    maxSessionRejectedStreams: bound.rejectedStreamsMax,
    maxSettings: 32,
    maxOutstandingPings: 10,
    streamResetBurst: bound.resetBurst,
    streamResetRate: bound.resetsPerSecond,
    maxDeflateDynamicTableSize: 4096,
    settings: {
      enablePush: false,
      enableConnectProtocol: bound.isConnectExtended,
      initialWindowSize: bound.windowBytes,
      maxConcurrentStreams: bound.streamsMax,
      maxHeaderListSize: bound.headerBytesMax,
    },
  };
}
