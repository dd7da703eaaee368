/**
 * A token bucket. Pure: the clock is an argument, monotonic, in milliseconds. It is full at first, and may be overdrawn by what
 * was already on its way; then nothing more is taken before it is above zero again.
 */
export type Bucket = { level: number; atMs: number };

export type BucketSize = { perMinute: number; burst: number };

export type Drawn =
  | { status: "drawn"; bucket: Bucket }
  /** `waitMs`: when there will be enough, if nobody else draws. */
  | { status: "empty"; bucket: Bucket; waitMs: number };

const MINUTE_MS = 60_000;

export function fullBucket({ burst }: BucketSize, nowMs: number): Bucket {
  return { level: burst, atMs: nowMs };
}

/** Takes `cost` when there is that much. */
export function draw(bucket: Bucket, size: BucketSize, cost: number, nowMs: number): Drawn {
  const filled = refill(bucket, size, nowMs);
  if (filled.level >= cost) return { status: "drawn", bucket: { ...filled, level: filled.level - cost } };
  return { status: "empty", bucket: filled, waitMs: waitFor(cost - filled.level, size) };
}

/** Takes `cost` whether it is there or not; says how long who took it has to wait until the debt is paid, 0 when there is none. */
export function overdraw(
  bucket: Bucket,
  size: BucketSize,
  cost: number,
  nowMs: number,
): { bucket: Bucket; waitMs: number } {
  const filled = refill(bucket, size, nowMs);
  const level = filled.level - cost;
  return { bucket: { ...filled, level }, waitMs: level >= 0 ? 0 : waitFor(-level, size) };
}

/** A clock that seems to go back fills nothing. */
function refill({ level, atMs }: Bucket, { perMinute, burst }: BucketSize, nowMs: number): Bucket {
  const elapsedMs = Math.max(0, nowMs - atMs);
  return { level: Math.min(burst, level + (elapsedMs * perMinute) / MINUTE_MS), atMs: Math.max(atMs, nowMs) };
}

function waitFor(missing: number, { perMinute }: BucketSize): number {
  return Math.ceil((missing * MINUTE_MS) / perMinute);
}
