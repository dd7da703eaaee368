import type { DrillOrder } from "../guest/drill/order.ts";

/**
 * Tripwires: an MCP server that no honest task needs, stand-ins where a host resource would be, a file nobody should
 * open, a host name nobody should know. This chapter plants them in a clone, and drills each of them: it touches the
 * tripwire the way an intruder's tool would, and then looks for the alarm at the far end, in the ledger on the disk.
 */

export type Carrier = "mcp-decoy" | "fake-credential" | "sentinel-file" | "canary-host";

/** One drill: what to touch, and by what to know its alarm again. */
export type Drill = {
  carrier: Carrier;
  order: DrillOrder;
  /** The alarm's `subject`, and for carriers that can carry one, a nonce in its `detail`. */
  subject: string;
  nonce?: string;
};

export type DrillOutcome =
  | { status: "rang"; carrier: Carrier; latencyMs: number; leafSeq: number; detail: string }
  | { status: "silent"; carrier: Carrier; waitedMs: number; detail: string }
  | { status: "not-run"; carrier: Carrier; reason: string };
