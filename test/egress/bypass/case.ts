import type { Door } from "./door.ts";
import type { Sighting } from "./world.ts";

/**
 * A known way round an egress allowlist, as something that can be tried on any proxy. An attempt is judged by what the
 * world outside saw and never by what the proxy answered: a refusal that still sent the bytes is no refusal.
 */
export type BypassCase = {
  number: number;
  name: string;
  /** What is won when it works. */
  why: string;
  /** What the proxy's side must offer; a case whose needs are not met is not run. */
  needs: readonly Need[];
  /** The same thing done rightly. A denial counts only when these passed, before the attempts and after them. */
  allowed: readonly Control[];
  attempts: readonly Attempt[];
};

/**
 * `sandbox` programs run where the proxy is the only way out · `withdrawal` a permission can be taken back while the proxy
 * runs. It is the last thing that is done to a proxy.
 */
export type Need = "sandbox" | "withdrawal";

export type Control = {
  name: string;
  run(door: Door, mark: string, bench: Bench): Promise<void>;
  /** One such sighting suffices. */
  isPassed(sighting: Sighting): boolean;
  /** It uses up what the attempts use up: not run after them. */
  isOnce?: true;
};

export type Attempt = {
  name: string;
  /** `through` when it can be told here that it worked; what the world saw counts in any case. Throws Unsent. */
  // oxlint-disable-next-line typescript/no-invalid-void-type -- most attempts have nothing to tell
  run(door: Door, mark: string, bench: Bench): Promise<"through" | void>;
  /** Does this sighting of the mark say that it worked? Any does when left out. */
  isThrough?(sighting: Sighting): boolean;
};

/** This door cannot carry these bytes at all: the attempt was not made. */
export class Unsent extends Error {}

/** The proxy that is tried, and what stands round it. */
export type Bench = {
  doors: readonly Door[];
  sandbox: InsideRunner | null;
  /** All that it has logged. */
  log(): string;
  /** Lines of its log that are not of its own making: half a line, one of another format, one that a terminal would obey. */
  forgedLines(): string[];
  /** Ways to take back the permission for everything, in the proxy's own way, the last of them for good. */
  withdrawals: readonly Withdrawal[];
  close(): Promise<void>;
};

/** `giveBack`: null where what was taken does not come back. */
export type Withdrawal = { name: string; take: () => Promise<void>; giveBack: (() => Promise<void>) | null };

export type InsideRunner = {
  /** A script for Node, run inside. Resolves to its standard output. */
  node(script: string, env?: Record<string, string>): Promise<string>;
  /** Is a socket of this family and type given to a program inside? */
  opensSocket(family: number, type: number): Promise<boolean>;
};

export type Verdict =
  | { status: "blocked"; attempts: number }
  | { status: "open"; by: string[] }
  /** Never green: the reason is shown. */
  | { status: "not-run"; reason: string };

export type Judged = { number: number; name: string; verdict: Verdict };
