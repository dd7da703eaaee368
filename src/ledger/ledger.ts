/**
 * The append-only log: RFC 6962 hashing over canonical JSON leaves, C2SP checkpoints signed by a process of its own
 * that refuses whatever is no extension of what it signed before. If a leaf cannot be written the work stops.
 */

export type Actor = { kind: "cycle" | "person" | "watchdog" | "gateway" | "schedule"; name: string };

export type LeafInput = {
  /** Dotted, e.g. `cycle.started`, `sandbox.destroyed`, `alarm.raised`, `kill.set`, `approval.recorded`. */
  kind: string;
  actor: Actor;
  cycle: string | null;
  /** Plain JSON, at most 64 KiB as canonical JSON. The leaf holds its salted hash; the payload lies beside it. */
  payload: Record<string, unknown>;
};

export type Leaf = {
  v: 1;
  seq: number;
  /** ISO 8601 wall time. */
  t: string;
  cycle: string | null;
  actor: Actor;
  kind: string;
  /** SHA-256 hex over salt and canonical payload. */
  commit: string;
};

export type LedgerEntry = { leaf: Leaf; payload: Record<string, unknown> };

export type Ledger = {
  /** Durable when it returns. Throws when it is not: then the caller must stop. Safe from several processes at once. */
  append(input: LeafInput): Leaf;
  /** Entries from `sinceSeq` on, read back from the disk and not from memory. */
  read(sinceSeq?: number): LedgerEntry[];
  /** Leaves on the disk now: the seq that the next one gets. */
  size(): number;
  /** Signs the present size and root through the signer process; the signed note's text (C2SP tlog-checkpoint). */
  checkpoint(): Promise<string>;
  close(): Promise<void>;
};
