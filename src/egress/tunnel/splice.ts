import type { Socket } from "node:net";
import { pipeline, Transform } from "node:stream";
import type { Rule } from "../allowlist.ts";
import type { Exchange } from "../exchange.ts";
import type { Reason } from "../reasons.ts";
import type { Sent } from "../send.ts";
import type { TunnelLimits, TunnelParts, TunnelRequest } from "./tunnel.ts";

export type SpliceParts = {
  rule: Rule;
  parts: Pick<TunnelParts, "isLatched" | "recogniser">;
  request: Pick<TunnelRequest, "ring">;
  limits: TunnelLimits;
};

/** What came before is searched with what comes, so that a fake in two pieces is found. */
const OVERLAP_BYTES = 4 * 1024;

class Cut extends Error {
  readonly reason: Reason;
  constructor(reason: Reason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Joins a guest's tunnel to a connection, byte for byte, each way at most half of what the rule allows. Before each chunk
 * passes the latch is looked at, and what goes up is searched for fakes: they are seen where they are written in the
 * clear, as in the greeting, and not in what is encrypted. Either side may end its half first.
 */
export async function splice(
  stream: Exchange,
  socket: Socket,
  { rule, parts, request, limits }: SpliceParts,
): Promise<Sent> {
  let bytesUp = 0;
  let bytesDown = 0;
  let before = Buffer.alloc(0);
  let cut: Cut | undefined;
  let brokenFirst: "guest" | "upstream" | undefined;
  const stop = (reason: Reason) => {
    cut ??= new Cut(reason);
    socket.destroy(cut);
    stream.close(CANCEL);
    return cut;
  };
  const refusalOf = (chunk: Buffer): Reason | undefined => {
    if (parts.isLatched()) return "latched";
    if (bytesUp + chunk.length > Math.floor(rule.requestBytesMax / 2)) return "tunnel-over-budget";
    const seen = Buffer.concat([before, chunk]);
    before = seen.subarray(-OVERLAP_BYTES);
    const sighting = parts.recogniser()?.search(seen)[0];
    if (sighting === undefined) return undefined;
    request.ring({ where: "body", sighting });
    return "fake-credential";
  };
  const idle = setTimeout(() => stop("tunnel-idle"), limits.idleMs);
  const last = setTimeout(() => stop("tunnel-too-long"), limits.lifetimeMs);
  const up = new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      const reason = refusalOf(chunk);
      if (reason !== undefined) return pass(stop(reason));
      bytesUp += chunk.length;
      idle.refresh();
      pass(null, chunk);
    },
  });
  const down = new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      if (parts.isLatched()) return pass(stop("latched"));
      if (bytesDown + chunk.length > Math.floor(rule.responseBytesMax / 2)) return pass(stop("tunnel-over-budget"));
      bytesDown += chunk.length;
      idle.refresh();
      pass(null, chunk);
    },
  });
  stream.once("close", () => {
    brokenFirst ??= "guest";
    socket.destroy();
  });
  socket.once("error", () => {
    brokenFirst ??= "upstream";
  });
  const joined = (from: NodeJS.ReadableStream, through: Transform, to: NodeJS.WritableStream) =>
    new Promise<boolean>((resolve) => pipeline(from, through, to, (error) => resolve(!error)));
  const whole = await Promise.all([joined(stream, up, socket), joined(socket, down, stream)]);
  clearTimeout(idle);
  clearTimeout(last);
  stream.close(whole.every(Boolean) ? undefined : CANCEL);
  const closedBy = cut !== undefined ? "gateway" : whole.every(Boolean) ? "answer" : (brokenFirst ?? "upstream");
  return { code: 200, bytesUp, bytesDown, closedBy, reason: cut?.reason ?? null };
}

/** RFC 9113, 7. */
const CANCEL = 8;
