import type { Rule } from "./allowlist.ts";
import { type Bucket, draw, fullBucket } from "./bucket.ts";

/**
 * What a cycle has used of its rules: uses of a rule against its `rate`, and bytes each way of a host and port against the
 * rule's `cycleBytesMax`. Kept over a reload: a rule that comes back finds what it has used.
 */
export type Spending = {
  /** One use more of this rule, which carries `bytesUp`; refused, it has used nothing. */
  use(rule: Rule, bytesUp: number, nowMs: number): Used;
  /** Bytes that come or go without a use of their own; false when they are more than is left, and then they may not pass. */
  carry(rule: Rule, direction: "up" | "down", bytes: number): boolean;
  /** Null for a rule without a limit. */
  left(rule: Rule): BytesLeft | null;
};

export type Used = { status: "used" } | { status: "refused"; reason: SpendReason; waitMs: number | null };
export type BytesLeft = { up: number; down: number };

export const SPEND_REASONS = ["rule-rate", "rule-bytes"] as const;
export type SpendReason = (typeof SPEND_REASONS)[number];

export function spending(): Spending {
  const uses = new Map<string, Bucket>();
  const carried = new Map<string, BytesLeft>();
  const carriedOf = (rule: Rule): BytesLeft => {
    const known = carried.get(placeOf(rule)) ?? { up: 0, down: 0 };
    carried.set(placeOf(rule), known);
    return known;
  };
  const left = (rule: Rule): BytesLeft | null => {
    if (rule.cycleBytesMax === undefined) return null;
    const { up, down } = carriedOf(rule);
    const { up: upMax, down: downMax } = rule.cycleBytesMax;
    return { up: Math.max(0, upMax - up), down: Math.max(0, downMax - down) };
  };
  const carry: Spending["carry"] = (rule, direction, bytes) => {
    const rest = left(rule);
    if (rest !== null && bytes > rest[direction]) return false;
    carriedOf(rule)[direction] += bytes;
    return true;
  };
  return {
    use(rule, bytesUp, nowMs) {
      const rest = left(rule);
      if (rest !== null && (bytesUp > rest.up || rest.down === 0)) {
        // What is spent does not come back in this cycle, so there is no time to name.
        return { status: "refused", reason: "rule-bytes", waitMs: null };
      }
      const waitMs = waitOf(uses, rule, nowMs);
      if (waitMs > 0) return { status: "refused", reason: "rule-rate", waitMs };
      carry(rule, "up", bytesUp);
      return { status: "used" };
    },
    carry,
    left,
  };
}

/** 0 when it was used; else how long until it may be. */
function waitOf(uses: Map<string, Bucket>, rule: Rule, nowMs: number): number {
  if (rule.rate === undefined) return 0;
  const key = `${placeOf(rule)} ${rule.id}`;
  const bucket = uses.get(key) ?? fullBucket(rule.rate, nowMs);
  const drawn = draw(bucket, rule.rate, 1, nowMs);
  uses.set(key, drawn.bucket);
  return drawn.status === "drawn" ? 0 : Math.max(1, drawn.waitMs);
}

function placeOf({ host, port }: Rule): string {
  return `${host}:${port}`;
}
