import { type Asked, hasArrived } from "./canaries.ts";
import type { Effect } from "./join.ts";
import type { Outside } from "./outside.ts";

/** A socket of ours at a path of the host that counts who comes. */
export type Listener = { touches(): number; close(): Promise<void> };

/** The outside's view of what came of everything that was asked. */
export type Effects = AsyncDisposable & {
  /** Makes ready for what is to be asked: a door for each connection. */
  await(asked: readonly Asked[]): Promise<void>;
  /** Hears what has come to the internet outside so far; before it is heard nothing of it is seen. */
  hear(): Promise<void>;
  /** `said` is what the agent sent its model after this call, or what a process of ours read. */
  of(asked: Asked, said: string | undefined): Effect;
};

export function watchEffects(listen: (path: string) => Promise<Listener>, outside: Outside): Effects {
  const listeners = new Map<string, Listener>();
  let arrived: ReadonlyMap<string, string> = new Map();
  return {
    async await(asked) {
      for (const { capability, host } of asked)
        if (capability.action === "connect") listeners.set(host, await listen(host));
    },
    async hear() {
      if (outside.status === "standing") arrived = await outside.arrived();
    },
    of(asked, said = "") {
      switch (asked.capability.action) {
        case "read":
          return { status: said.includes(asked.nonce) ? "seen" : "not-seen" };
        case "write":
          return { status: hasArrived(asked) ? "seen" : "not-seen" };
        case "connect":
          return { status: (listeners.get(asked.host)?.touches() ?? 0) > 0 ? "seen" : "not-seen" };
        case "fetch": {
          const as = arrived.get(asked.nonce);
          return as === undefined ? { status: "not-seen" } : { status: "seen", as };
        }
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...listeners.values()].map((listener) => listener.close()));
    },
  };
}
