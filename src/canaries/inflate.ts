import { constants, gunzipSync, inflateSync } from "node:zlib";
import { errnoOf } from "../base/errors.ts";

/** What a search may still decode. `isSpent` is set when something was left unread for want of it. */
export type Budget = {
  bytes: number;
  /** Compressed streams, and what only begins as one: each that is tried costs, whatever comes of it. */
  streams: number;
  isSpent: boolean;
};

/** DEFLATE cannot grow data by more than this. */
const RATIO_MAX = 1032;

/**
 * The content of a gzip or zlib stream, also of one that is cut off, as far as the budget reaches: a bomb gives its beginning and
 * no more. undefined when it is no such stream.
 */
export function inflated(bytes: Buffer, format: "gzip" | "zlib", budget: Budget): Buffer | undefined {
  if (budget.streams === 0) {
    budget.isSpent = true;
    return undefined;
  }
  budget.streams--;
  const maxOutputLength = Math.min(budget.bytes, 8 * 1024 * 1024);
  if (maxOutputLength < 1) {
    budget.isSpent = true;
    return undefined;
  }
  for (
    let length = bytes.length;
    length > 0;
    length = Math.max(length >> 2, Math.floor(maxOutputLength / RATIO_MAX))
  ) {
    const attempt = unpack(bytes.subarray(0, length), format, maxOutputLength);
    if (attempt !== "too long") return attempt;
    budget.isSpent = true;
    if (length <= maxOutputLength / RATIO_MAX) return undefined;
  }
  return undefined;
}

function unpack(bytes: Buffer, format: "gzip" | "zlib", maxOutputLength: number): Buffer | undefined | "too long" {
  const options = { maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH };
  try {
    const content = format === "gzip" ? gunzipSync(bytes, options) : inflateSync(bytes, options);
    return content.length === 0 ? undefined : content;
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === "ERR_BUFFER_TOO_LARGE") return "too long";
    if (code === "Z_DATA_ERROR" || code === "Z_BUF_ERROR" || code === "Z_NEED_DICT") return undefined;
    throw thrown;
  }
}
