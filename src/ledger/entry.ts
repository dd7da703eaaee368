import { createHash } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../base/hash.ts";
import type { Leaf, LedgerEntry } from "./ledger.ts";
import { leafHash } from "./tree.ts";

/**
 * One line of the log: `{"leaf":{…},"payload":{…},"salt":"…"}` as canonical JSON (RFC 8785). The leaf alone is hashed
 * into the tree; it holds `commit`, the SHA-256 over salt and payload, so that a payload tells nothing to who has
 * only the leaf.
 */
export type Stored = LedgerEntry & { salt: string };

export const SALT_BYTES = 16;
export const PAYLOAD_BYTES_MAX = 64 * 1024;

export function formatStored(stored: Stored): string {
  return `{"leaf":${canonicalJson(stored.leaf)},"payload":${canonicalJson(stored.payload)},"salt":"${stored.salt}"}\n`;
}

export type ParsedLine = { status: "good"; stored: Stored } | { status: "bad"; reason: string };

/** Reads one line without its newline. Only the one canonical spelling passes, and only with the payload committed to. */
export function parseStored(bytes: Uint8Array): ParsedLine {
  const raw = jsonOf(bytes);
  const line = Line.safeParse(raw.value);
  if (!line.success) return { status: "bad", reason: raw.reason ?? "not the shape of a leaf" };
  // Not zod's copy: its record type may leave out a key such as __proto__, and every key is under the hash.
  const stored = raw.value as Stored;
  if (formatStored(stored) !== `${raw.text}\n`) return { status: "bad", reason: "not in canonical form" };
  if (commitTo(stored.salt, stored.payload) !== stored.leaf.commit) {
    return { status: "bad", reason: "the payload is not the one the leaf commits to" };
  }
  return { status: "good", stored };
}

export function commitTo(salt: string, payload: Record<string, unknown>): string {
  return createHash("sha256").update(Buffer.from(salt, "hex")).update(canonicalJson(payload)).digest("hex");
}

export function hashLeaf(leaf: Leaf): Buffer {
  return leafHash(Buffer.from(canonicalJson(leaf)));
}

const Line = z.strictObject({
  leaf: z.strictObject({
    v: z.literal(1),
    seq: z.int().nonnegative(),
    t: z.iso.datetime(),
    cycle: z.string().max(100).nullable(),
    actor: z.strictObject({
      kind: z.enum(["cycle", "person", "watchdog", "gateway", "schedule"]),
      name: z.string().max(200),
    }),
    kind: z.string().max(100),
    commit: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  payload: z.record(z.string(), z.unknown()),
  salt: z.string().regex(new RegExp(`^[0-9a-f]{${SALT_BYTES * 2}}$`)),
});

function jsonOf(bytes: Uint8Array): { text: string; value: unknown; reason?: string } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, value: JSON.parse(text) };
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return { text: "", value: undefined, reason: "not JSON" };
    if (thrown instanceof TypeError) return { text: "", value: undefined, reason: "not UTF-8" };
    throw thrown;
  }
}
