import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Rule } from "../allowlist.ts";
import type { Exchange } from "../exchange.ts";
import type { Reason } from "../reasons.ts";
import type { Carried, Sent } from "../send.ts";
import type { TunnelLimits, TunnelParts, TunnelRequest } from "./tunnel.ts";

export type SpliceParts = {
  rule: Rule;
  parts: Pick<TunnelParts, "isLatched">;
  request: Pick<TunnelRequest, "carry" | "ring" | "watch">;
  limits: TunnelLimits;
};

/** RFC 9113, 7: CANCEL. */
const BROKEN_OFF = 8;

/**
 * Joins a guest's tunnel to a connection, byte for byte, each way at most half of what the rule allows. Before each chunk
 * passes the latch is looked at, and what goes up is searched for fakes: they are seen where they are written in the
 * clear, as in the greeting, and not in what is encrypted. Either side may end its half first.
 */
export function splice(stream: Exchange, socket: Socket, spliced: SpliceParts): Promise<Sent> {
  const passed = { up: 0, down: 0 };
  const ended = { guest: false, upstream: false };
  let brokenBy: "guest" | "upstream" | undefined;
  let cut: Reason | undefined;
  const letGo = () => {
    stream.close(BROKEN_OFF);
    socket.destroy();
  };
  const stop = (reason: Reason) => {
    cut ??= reason;
    letGo();
  };
  const idle = setTimeout(() => stop("tunnel-idle"), spliced.limits.idleMs);
  const last = setTimeout(() => stop("tunnel-too-long"), spliced.limits.lifetimeMs);
  const gate = chunkGate(spliced, passed);
  const admit = (direction: Direction, chunk: Buffer) => {
    const carried = gate(direction, chunk);
    if (carried.status === "over") stop(carried.reason);
    else idle.refresh();
    return carried;
  };
  stream.once("aborted", () => {
    brokenBy ??= "guest";
  });
  socket.once("error", () => {
    brokenBy ??= "upstream";
  });
  pump(stream, socket, (chunk) => admit("up", chunk));
  pump(socket, stream, (chunk) => admit("down", chunk));
  stream.once("end", () => {
    ended.guest = brokenBy === undefined;
  });
  socket.once("end", () => {
    ended.upstream = brokenBy === undefined;
  });
  return new Promise((resolve) => {
    let isOneClosed = false;
    const onClose = (by: "guest" | "upstream") => () => {
      if (!ended[by]) brokenBy ??= by;
      // Of a whole tunnel the other end still flushes what it was given.
      if (brokenBy !== undefined || cut !== undefined) letGo();
      if (!isOneClosed) {
        isOneClosed = true;
        return;
      }
      clearTimeout(idle);
      clearTimeout(last);
      const closedBy = cut !== undefined ? "gateway" : (brokenBy ?? "answer");
      resolve({ code: 200, bytesUp: passed.up, bytesDown: passed.down, closedBy, reason: cut ?? null });
    };
    onceClosed(stream, onClose("guest"));
    onceClosed(socket, onClose("upstream"));
  });
}

type Direction = "up" | "down";

/** Whether a chunk may pass, and how long it waits; what passes is counted. */
function chunkGate(spliced: SpliceParts, passed: Record<Direction, number>) {
  const { rule, parts, request } = spliced;
  const bytesMax = { up: Math.floor(rule.requestBytesMax / 2), down: Math.floor(rule.responseBytesMax / 2) };
  return (direction: Direction, chunk: Buffer): Carried => {
    if (parts.isLatched()) return { status: "over", reason: "latched" };
    if (passed[direction] + chunk.length > bytesMax[direction]) {
      return { status: "over", reason: "tunnel-over-budget" };
    }
    const fault = direction === "up" ? faultOf(chunk, request) : undefined;
    if (fault !== undefined) return { status: "over", reason: fault };
    const carried = request.carry(direction, chunk.length);
    if (carried.status === "passes") passed[direction] += chunk.length;
    return carried;
  };
}

/** Why it may not go up. Whoever must know of a fake was told. */
function faultOf(chunk: Buffer, { watch, ring }: SpliceParts["request"]): Reason | undefined {
  const looked = watch.up(chunk);
  if (looked.hits.length > 0) {
    ring(looked.hits);
    return "fake-credential";
  }
  return looked.status === "unsearchable" ? "body-unsearchable" : undefined;
}

/** Passes on chunk by chunk, no faster than the other side takes them and not before each one's time. */
function pump(from: Duplex, to: Duplex, admit: (chunk: Buffer) => Carried): void {
  let isHeld = false;
  let isOver = false;
  const goOn = () => {
    if (!isHeld && !to.writableNeedDrain) from.resume();
  };
  const finish = () => {
    if (isOver && !isHeld && !to.destroyed) to.end();
  };
  const pass = (chunk: Buffer) => {
    if (!to.destroyed && !to.write(chunk)) from.pause();
  };
  from.on("data", (chunk: Buffer) => {
    const carried = admit(chunk);
    if (carried.status === "over") return;
    if (carried.waitMs <= 0) return pass(chunk);
    isHeld = true;
    from.pause();
    const held = setTimeout(() => {
      isHeld = false;
      pass(chunk);
      goOn();
      finish();
    }, carried.waitMs);
    to.once("close", () => clearTimeout(held));
  });
  to.on("drain", goOn);
  from.once("end", () => {
    isOver = true;
    finish();
  });
  from.resume();
}

function onceClosed(stream: Duplex, call: () => void): void {
  if (stream.closed) setImmediate(call);
  else stream.once("close", call);
}
