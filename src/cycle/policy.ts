import { messageOf, OperatorError } from "../base/errors.ts";
import type { Gateway } from "../egress/egress.ts";
import { followLists, loadLists } from "../egress/lists.ts";
import type { LeafInput } from "../ledger/ledger.ts";
import type { Ground } from "./ground.ts";

type Following = Pick<Ground, "cycle" | "clock" | "secretOf" | "breakOff"> & {
  ledger: { append(leaf: LeafInput): unknown };
};

/**
 * Follows the lists for as long as the gateway lives. Each change is a leaf, with the hash of before and of after; lists that are broken or
 * expired change nothing, and that is a leaf and a line of the egress log. Returns at once.
 */
export function followPolicy(
  ground: Following,
  gateway: Gateway,
  lists: { paths: readonly string[]; before: string; everyMs?: number },
): void {
  const { cycle, clock, ledger, secretOf, breakOff } = ground;
  const leaf = (kind: string, payload: Record<string, unknown>) =>
    ledger.append({ kind, actor: { kind: "cycle", name: "cycle" }, cycle, payload });
  const onChange = async () => {
    const from = gateway.policyHash();
    try {
      await gateway.reload(await loadLists(lists.paths, secretOf, clock.now()));
      if (gateway.policyHash() !== from) leaf("egress.policy-changed", { from, to: gateway.policyHash() });
    } catch (thrown) {
      // Told to a gateway that is gone: then there is nothing left to decide, and who lost it says so.
      if (gateway.ended.aborted) return;
      if (!(thrown instanceof OperatorError)) throw thrown;
      await gateway.keepLists(thrown.message);
      leaf("egress.policy-kept", { policy: from, reason: thrown.message.slice(0, 500) });
    }
  };
  followLists(lists.paths, lists.before, onChange, gateway.ended, lists.everyMs).catch((thrown: unknown) => {
    if (!gateway.ended.aborted) breakOff(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
  });
}
