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

/**
 * @param onSpent hears what all calls together cost, before each call and after it. A call that is under way counts as one that
 * did not say: whoever cannot hear the end of it, because everything ended first, has heard the most that it could cost.
 */
export function purseOf({ tokensMax, money }: ModelRelay, onSpent: (spend: ModelSpend) => void): Purse {
  const budget = budgetOf({
    tokens: tokensMax,
    micros: money?.max === undefined ? Number.POSITIVE_INFINITY : Math.floor(money.max * MICROS),
  });
  const counts = { calls: 0, unsaid: 0, inputTokens: 0, outputTokens: 0 };
  let underWay = 0;
  const tell = (): void => {
    const { spent, reserved } = { spent: budget.spent(), reserved: budget.reserved() };
    const micros = spent.micros + reserved.micros;
    onSpent({
      ...counts,
      calls: counts.calls + underWay,
      unsaid: counts.unsaid + underWay,
      tokens: spent.tokens + reserved.tokens,
      tokensMax,
      money:
        money === undefined ? null : { spent: micros / MICROS, max: money.max ?? null, currency: money.currency },
    });
  };
  const settle = (reservation: Reservation, price: ModelPrice | undefined, cost: Parameters<Bill["settle"]>[0]) => {
    underWay--;
    if (cost !== "nothing") counts.calls++;
    if (cost === "unsaid") counts.unsaid++;
    else if (cost !== "nothing") {
      counts.inputTokens += cost.input + cost.cachedInput + cost.cacheWrite;
      counts.outputTokens += cost.output;
    }
    if (cost === "nothing") reservation.settle({ tokens: 0, micros: 0 });
    else reservation.settle(cost === "unsaid" ? null : costOf(cost, price));
    tell();
  };
  return {
    open(largest, price) {
      const reserved = budget.reserve(largest);
      if (reserved.status === "over") return reserved;
      let isSettled = false;
      underWay++;
      tell();
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
