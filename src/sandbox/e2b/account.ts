import { Sandbox } from "@e2b/code-interpreter";
import { ALL_TRAFFIC, AuthenticationError, NotFoundError, RateLimitError, SandboxError } from "e2b";
import { z } from "zod";
import { sleep } from "../../base/clock.ts";
import { messageOf, OperatorError } from "../../base/errors.ts";
import type { Machine } from "./daemon.ts";

/**
 * The control plane, through E2B's own client: machines are made, listed, kept alive and killed here. Every option is
 * given, so that no variable of the environment has a say.
 */
export type AccountOptions = {
  apiKey: string;
  apiUrl: string;
  /** One address for every machine's daemon; each has its own when undefined. */
  sandboxUrl?: string | undefined;
};

export const DEFAULT_API_URL = "https://api.e2b.app";

/** What marks a machine as ours; strings, and found again by them. */
export type Marks = Readonly<Record<string, string>>;

export type Listed = { id: string; marks: Marks };

/** E2B said no, so there is no machine. Any other failure leaves that open. */
export class Refused extends OperatorError {
  override readonly name = "Refused";
}

export type Account = {
  /** Denied all traffic from its first moment on, killed and never paused when its lease runs out. Throws Refused or OperatorError. */
  create(template: string, marks: Marks, leaseMs: number): Promise<Machine>;
  /** All that bear these marks, running and paused, page by page. Tried anew while it fails, until the deadline. */
  list(marks: Marks, deadlineMs: number): Promise<Listed[]>;
  /** Whether there is one of this id. */
  isThere(id: string, timeoutMs: number): Promise<boolean>;
  renew(id: string, leaseMs: number): Promise<void>;
  /** Tried anew while it fails, until the deadline; gone already is well. Throws what it failed with last. */
  kill(id: string, deadlineMs: number): Promise<void>;
};

const CREATE_MS = 60_000;
const RENEW_MS = 10_000;
const PAUSE_MS = 150;
const PAGES_MAX = 1_000;

/** What we take of a machine. The tokens are not in the client's types. */
const Created = z.object({
  sandboxId: z.string().min(1).max(200),
  sandboxDomain: z.string().min(1).max(300),
  envdAccessToken: z.string().optional(),
  trafficAccessToken: z.string().optional(),
});

export function openAccount({ apiKey, apiUrl, sandboxUrl }: AccountOptions): Account {
  const within = (requestTimeoutMs: number) => ({
    apiKey,
    apiUrl,
    sandboxUrl: sandboxUrl ?? apiUrl,
    domain: new URL(apiUrl).hostname.replace(/^api\./, ""),
    debug: false,
    requestTimeoutMs,
  });
  return {
    async create(template, metadata, leaseMs) {
      const made: unknown = await Sandbox.create(template, {
        ...within(CREATE_MS),
        metadata: { ...metadata },
        timeoutMs: leaseMs,
        // Two ways to say the same; and nobody reaches in without this machine's token. Never updated afterwards: an
        // update replaces all of it, and a field forgotten there opens the way out.
        allowInternetAccess: false,
        network: { denyOut: [ALL_TRAFFIC], allowPublicTraffic: false },
        lifecycle: { onTimeout: "kill" },
      }).catch((thrown: unknown) => {
        throw asCreateError(thrown);
      });
      const { sandboxId: id, sandboxDomain, envdAccessToken, trafficAccessToken } = Created.parse(made);
      const url = sandboxUrl ?? `https://49983-${id}.${sandboxDomain}`;
      return { id, url, accessToken: envdAccessToken, trafficToken: trafficAccessToken };
    },
    list: (marks, deadlineMs) =>
      persistently(deadlineMs, async (leftMs) => {
        const query = { metadata: { ...marks }, state: ["running" as const, "paused" as const] };
        const pages = Sandbox.list({ ...within(leftMs), query });
        const found: Listed[] = [];
        for (let page = 0; pages.hasNext; page++) {
          if (page === PAGES_MAX) throw new OperatorError("E2B's list does not end", "see E2B's status page");
          for (const one of await pages.nextItems()) {
            // Also where a server does not filter: what is not ours is never touched.
            if (Object.entries(marks).every(([name, value]) => one.metadata[name] === value))
              found.push({ id: one.sandboxId, marks: one.metadata });
          }
        }
        return found;
      }),
    async isThere(id, timeoutMs) {
      try {
        await Sandbox.getInfo(id, within(timeoutMs));
        return true;
      } catch (thrown) {
        if (thrown instanceof NotFoundError) return false;
        throw thrown;
      }
    },
    renew: (id, leaseMs) => Sandbox.setTimeout(id, leaseMs, within(Math.min(RENEW_MS, leaseMs))),
    async kill(id, deadlineMs) {
      // False when it is gone already.
      await persistently(deadlineMs, (leftMs) => Sandbox.kill(id, within(leftMs)));
    },
  };
}

/** Anew while it fails, until the deadline; then what it failed with last. A key that is refused is so the next time, too. */
async function persistently<T>(deadlineMs: number, call: (leftMs: number) => Promise<T>): Promise<T> {
  const endsAtMs = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await call(Math.max(1, Math.ceil(endsAtMs - performance.now())));
    } catch (thrown) {
      if (thrown instanceof AuthenticationError || performance.now() + PAUSE_MS >= endsAtMs) throw thrown;
    }
    await sleep(PAUSE_MS);
  }
}

/** A TypeError of the client's is no bug of ours: it throws one when E2B's answer lacks a field, or none came. */
function asCreateError(thrown: unknown): OperatorError {
  const said = `E2B made no sandbox that can be used: ${messageOf(thrown)}`;
  if (!isRefusal(thrown)) return new OperatorError(said, "see E2B's status page", { cause: thrown });
  return new Refused(said, "see e2b.keyEnv and e2b.template, and the limits of the account", { cause: thrown });
}

function isRefusal(thrown: unknown): boolean {
  if (thrown instanceof AuthenticationError || thrown instanceof RateLimitError) return true;
  const status = thrown instanceof SandboxError ? (thrown.statusCode ?? 0) : 0;
  return status >= 400 && status < 500 && status !== 408;
}
