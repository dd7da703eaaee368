import { createHash } from "node:crypto";
import canonicalize from "canonicalize";

/** Lower-case hex SHA-256 of bytes or of a UTF-8 string. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** RFC 8785 canonical JSON: one byte string per value, so that a hash of it is a hash of the value. Throws on undefined, NaN, functions. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("not representable as canonical JSON");
  return text;
}

/** SHA-256 over the canonical JSON of a value. */
export function hashOf(value: unknown): string {
  return sha256Hex(canonicalJson(value));
}
