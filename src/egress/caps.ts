import { type Bucket, draw, fullBucket, overdraw } from "./bucket.ts";

/**
 * What one sandbox may ask for, whatever it asks for: looked at right after the latch and before the request is read, so that a
 * flood costs next to nothing. Pure: what was used and the clock go in, what is used now comes out.
 */
export type Caps = {
  /** Requests being answered at once; the channel itself refuses more than its own 256 without a word. */
  streamsMax: number;
  requestsPerSecond: number;
  requestBurst: number;
  /** Up and down together. */
  bytesPerMinute: number;
};

/** Far above what an agent, an installer or a test suite does, and far below what keeps the gateway from serving another sandbox. */
export const CAPS: Caps = {
  streamsMax: 200,
  requestsPerSecond: 1_000,
  requestBurst: 5_000,
  bytesPerMinute: 1024 * 1024 * 1024,
};

export type Use = { streams: number; requests: Bucket; bytes: Bucket };

export const CAP_REASONS = ["too-many-streams", "too-many-requests", "too-many-bytes"] as const;
export type CapReason = (typeof CAP_REASONS)[number];

export type Capped = { reason: CapReason /** When to ask again. */; waitMs: number };

/** Streams end when they end: a second is as good a guess as any. */
const STREAM_WAIT_MS = 1_000;

export function noUse(caps: Caps, nowMs: number): Use {
  return { streams: 0, requests: fullBucket(requestSize(caps), nowMs), bytes: fullBucket(byteSize(caps), nowMs) };
}

/** One request more, or why not. A request that is refused has used nothing. */
export function enter(use: Use, caps: Caps, nowMs: number): { use: Use; capped: Capped | null } {
  if (use.streams >= caps.streamsMax) return { use, capped: { reason: "too-many-streams", waitMs: STREAM_WAIT_MS } };
  // One byte: it is only asked whether the debt is paid.
  const bytes = draw(use.bytes, byteSize(caps), 1, nowMs);
  if (bytes.status === "empty") return { use, capped: { reason: "too-many-bytes", waitMs: bytes.waitMs } };
  const requests = draw(use.requests, requestSize(caps), 1, nowMs);
  if (requests.status === "empty") return { use, capped: { reason: "too-many-requests", waitMs: requests.waitMs } };
  return { use: { ...use, streams: use.streams + 1, requests: requests.bucket }, capped: null };
}

export function leave(use: Use): Use {
  return { ...use, streams: use.streams - 1 };
}

/** Counts bytes of either direction. What is already flowing is not cut but slowed: `waitMs` before more of it is passed on. */
export function carry(use: Use, caps: Caps, bytes: number, nowMs: number): { use: Use; waitMs: number } {
  const drawn = overdraw(use.bytes, byteSize(caps), bytes, nowMs);
  return { use: { ...use, bytes: drawn.bucket }, waitMs: drawn.waitMs };
}

function requestSize({ requestsPerSecond, requestBurst }: Caps) {
  return { perMinute: requestsPerSecond * 60, burst: requestBurst };
}

function byteSize({ bytesPerMinute }: Caps) {
  return { perMinute: bytesPerMinute, burst: bytesPerMinute };
}
