import type { Exchange } from "./exchange.ts";

/**
 * Has the guest that asked left before it had its answer? Also as an AbortSignal, which is made when it is first asked for: most
 * requests need none, and it costs as much as all else that is decided about one.
 */
export type Leaving = {
  /** Called once, at once when it has left already. Gives what takes the call back. */
  onGone(call: () => void): () => void;
  readonly signal: AbortSignal;
};

/** @returns with `served`, after which nobody has left early. */
export function leavingOf(stream: Exchange): Leaving & { served(): void } {
  let state: "waiting" | "served" | "gone" = "waiting";
  const calls = new Set<() => void>();
  let controller: AbortController | undefined;
  stream.once("close", () => {
    if (state !== "waiting") return;
    state = "gone";
    for (const call of calls) call();
  });
  const onGone: Leaving["onGone"] = (call) => {
    if (state === "gone") call();
    else calls.add(call);
    return () => void calls.delete(call);
  };
  return {
    onGone,
    served() {
      state = "served";
      calls.clear();
    },
    get signal() {
      if (controller === undefined) {
        const made = new AbortController();
        controller = made;
        onGone(() => made.abort(new Error("the guest has left")));
      }
      return controller.signal;
    },
  };
}
