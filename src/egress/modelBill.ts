import type { ModelPrice } from "../config/price.ts";
import { type Amount, budgetOf, type Reservation } from "./budget.ts";
import type { ModelSpend } from "./egress.ts";
import type { ModelRelay } from "./messages.ts";
import { costOf } from "./modelCost.ts";
import type { Usage } from "./modelUsage.ts";

/** The cycle's budget for models, and its state in the words of a report. */
export type Purse = {
  open(largest: Amount, price: ModelPrice | undefined): Bill | { status: "over"; what: "tokens" | "money" };
};

/** One call's claim on the budget. */
export type Bill = {
  status: "open";
  /** `unsaid`: the answer did not say, or broke off; then it costs all that was reserved. Only the first word counts. */
  settle(cost: Usage | "unsaid" | "nothing"): void;
};

const MICROS = 1_000_000;

/** @param onSpent hears what all calls together cost, each time that one of them turned out to cost something. */
export function purseOf({ tokensMax, money }: ModelRelay, onSpent: (spend: ModelSpend) => void): Purse {
  const budget = budgetOf({
    tokens: tokensMax,
    micros: money?.max === undefined ? Number.POSITIVE_INFINITY : Math.floor(money.max * MICROS),
  });
  const counts = { calls: 0, unsaid: 0, inputTokens: 0, outputTokens: 0 };
  const tell = (): void => {
    const { tokens, micros } = budget.spent();
    const spent =
      money === undefined ? null : { spent: micros / MICROS, max: money.max ?? null, currency: money.currency };
    onSpent({ ...counts, tokens, tokensMax, money: spent });
  };
  const settle = (reservation: Reservation, price: ModelPrice | undefined, cost: Parameters<Bill["settle"]>[0]) => {
    if (cost === "nothing") return reservation.settle({ tokens: 0, micros: 0 });
    counts.calls++;
    if (cost === "unsaid") counts.unsaid++;
    else {
      counts.inputTokens += cost.input + cost.cachedInput + cost.cacheWrite;
      counts.outputTokens += cost.output;
    }
    reservation.settle(cost === "unsaid" ? null : costOf(cost, price));
    tell();
  };
  return {
    open(largest, price) {
      const reserved = budget.reserve(largest);
      if (reserved.status === "over") return reserved;
      let isSettled = false;
      return {
        status: "open",
        settle(cost) {
          if (isSettled) return;
          isSettled = true;
          settle(reserved.reservation, price, cost);
        },
      };
    },
  };
}
