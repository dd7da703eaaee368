import type { Duplex } from "node:stream";
import type { Fake } from "../canaries/canaries.ts";
import type { Hello, Task, TaskResult } from "../guest/wire.ts";
import type { Role } from "../sandbox/sandbox.ts";
import type { Lists } from "./lists.ts";

/**
 * The gateway: one child process a cycle, the only exit from a sandbox. CONTROL hands it each sandbox's byte stream;
 * it answers our own authorities, decides all else by `decide.ts`, logs every decision, and watches what goes up for
 * fakes. It runs nothing that a model or a guest chose.
 */

/** A message from a guest to CONTROL. `sandbox` is known by the channel it came on, never by what it says. */
export type GuestRequest = { sandbox: string; role: Role; method: "GET" | "POST"; path: string; body: unknown };
export type GuestResponse = { status: number; body: unknown };

/** Something that must be known at once. Each becomes a leaf of the ledger. */
export type Alarm = {
  carrier:
    | "fake-credential"
    | "canary-host"
    | "mcp-decoy"
    | "sentinel-file"
    | "infected-source"
    | "foreign-credential"
    | "model-key";
  sandbox: string;
  /** Which fake, which host, which decoy: our name for it, never a value. */
  subject: string;
  /** How it was seen: encoding, place in the request, tool called. */
  detail: string;
  /** Wall time in ISO 8601. */
  at: string;
};

/** What the model calls of a cycle cost together. */
export type ModelSpend = {
  /** Those that cost something. */
  calls: number;
  /** Of them, those whose answer broke off or did not say what it cost: they count as all that was reserved for them. */
  unsaid: number;
  /** As the answers said, cached input among it. */
  inputTokens: number;
  outputTokens: number;
  /** Against the budget: as said, and as reserved where nothing was said. */
  tokens: number;
  tokensMax: number;
  /** Null when no prices are configured: then nobody counted. */
  money: { spent: number; max: number | null; currency: string } | null;
};

/** A guest went away, or handed in what is no result: what depends on it was not learnt. Its word, so no fault of ours. */
export class GuestFailed extends Error {}

/** The gateway ended although nobody cut it: from then on nothing passes, and the cycle cannot go on. */
export class GatewayLost extends Error {}

/** A guest that CONTROL can give work to. */
export type Guest = {
  readonly name: string;
  /** The shim's first word. Rejects when the channel ends before. */
  readonly hello: Promise<Hello>;
  /** Runs one task inside. Rejects when the channel ends, or with the signal's reason. Tasks of one guest run one at a time. */
  run(task: Omit<Task, "id">, signal: AbortSignal): Promise<TaskResult>;
  readonly closed: Promise<void>;
};

export type Gateway = {
  readonly pid: number;
  /** JSON lines, one per decision. */
  readonly logPath: string;
  /** Resolves when the process ended without `cut`, or when CONTROL could not take what it said: then nothing passes any more. */
  readonly died: Promise<Error>;
  /** From when this resolves on, what goes up is searched for these fakes, and with the master key for sealed ones. */
  watch(fakes: readonly Fake[], masterKey?: Uint8Array): Promise<void>;
  /**
   * Announces a drill: within the next minute this sandbox may send this fake once, and it rings and is refused as ever, but does
   * not set the kill switch.
   */
  drill(sandbox: string, fakeId: string): Promise<void>;
  /** How often each sandbox's output was refused: too long, not JSON, of another shape, or more than is allowed. Denials are not in it. */
  refused(): Readonly<Record<string, number>>;
  /** What the model calls cost up to now, those under way counted as the most they can; null before the first that cost something. */
  spent(): ModelSpend | null;
  /** Aborted once it is cut, or its process has ended. */
  readonly ended: AbortSignal;
  /** Of the lists that hold now. */
  policyHash(): string;
  /** From when this resolves on, requests are decided by these lists; those under way end under the ones they began with. */
  reload(lists: Lists): Promise<void>;
  /** Writes into the log that lists which changed were not taken, and why. */
  keepLists(reason: string): Promise<void>;
  /** Joins a sandbox's channel to the gateway, which owns it from here on. A name is attached once in a cycle. */
  attach(sandbox: { name: string; role: Role; channel: Duplex; backend?: string }): Promise<Guest>;
  /** Has the gateway's own end of this sandbox's channel not been heard to close? False when its process is gone. */
  holds(name: string): boolean;
  /** Ends every stream now. Idempotent; resolves when the gateway process is gone. */
  cut(reason: string): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};
