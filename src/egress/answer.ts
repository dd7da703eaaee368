import type { Readable } from "node:stream";
import type { Exchange } from "./exchange.ts";
import type { Reason } from "./reasons.ts";
import type { Sent } from "./send.ts";

/** What a handler makes of a request that was let in. The flow sends it, counts it and logs it. */
export type Answer =
  /** Says itself that it is open, and is over when the tunnel is. */
  | { status: "tunnel"; run(stream: Exchange): Promise<Sent>; trail: Trail }
  | {
      status: "ready";
      code: number;
      headers: Record<string, string>;
      body: Uint8Array | Sourced | Came;
      trail: Trail;
    }
  | {
      status: "refused";
      reason: Reason /** When the reason's own is not enough. */;
      sentence?: string;
      /** For the log alone. */
      detail?: string;
      /** When asking again makes sense; goes out in whole seconds. */
      retryAfterMs?: number;
      trail: Trail;
    };

/** A body that comes from outside as it goes in. */
export type Sourced = {
  source: Readable;
  bytesMax: number;
  /** Called once, when it is through or broken off. */
  done(): void;
};

/** A body that came from outside all at once. It is counted and bounded like one that is still coming. */
export type Came = { bytes: Buffer; bytesMax: number };

/** What happened on the way to the outside, for the log. */
export type Trail = {
  resolved: string[];
  dialed: string | null;
  dnsMs: number | null;
  connectMs: number | null;
};

export const NO_TRAIL: Trail = { resolved: [], dialed: null, dnsMs: null, connectMs: null };

export function refuse(reason: Reason, trail: Trail = NO_TRAIL): Extract<Answer, { status: "refused" }> {
  return { status: "refused", reason, trail };
}

/** JSON; nothing at all for null. */
export function answerJson(code: number, value: unknown): Answer {
  if (value === null || value === undefined)
    return { status: "ready", code, headers: {}, body: Buffer.alloc(0), trail: NO_TRAIL };
  return {
    status: "ready",
    code,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(value)),
    trail: NO_TRAIL,
  };
}
