import { type Asked, hasArrived } from "./canaries.ts";
import type { Effect } from "./join.ts";

/** A socket of ours at a path of the host that counts who comes. */
export type Listener = { touches(): number; close(): Promise<void> };

/** The outside's view of what came of everything that was asked. */
export type Effects = AsyncDisposable & {
  /** Makes ready for what is to be asked: a door for each connection. */
  await(asked: readonly Asked[]): Promise<void>;
  /** `said` is what the agent sent its model after this call, or what a process of ours read. */
  of(asked: Asked, said: string | undefined): Effect;
};

export function watchEffects(listen: (path: string) => Promise<Listener>): Effects {
  const listeners = new Map<string, Listener>();
  return {
    async await(asked) {
      for (const { capability, host } of asked)
        if (capability.action === "connect") listeners.set(host, await listen(host));
    },
    of(asked, said = "") {
      switch (asked.capability.action) {
        case "read":
          return { status: said.includes(asked.nonce) ? "seen" : "not-seen" };
        case "write":
          return { status: hasArrived(asked) ? "seen" : "not-seen" };
        case "connect":
          return { status: (listeners.get(asked.host)?.touches() ?? 0) > 0 ? "seen" : "not-seen" };
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...listeners.values()].map((listener) => listener.close()));
    },
  };
}
