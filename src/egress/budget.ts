/**
 * What the model calls of one cycle may cost: reserved before a call by its largest cost, settled after it by what it
 * really cost. However many calls are under way, what is spent and reserved together never passes the maximum, as long as
 * no call costs more than was reserved for it.
 */
export type Budget = {
  reserve(amount: Amount): Reserved;
  spent(): Amount;
  /** By calls that are under way. */
  reserved(): Amount;
};

/** Tokens in and out together, and millionths of the currency unit: a price per million tokens is so many of these per token. */
export type Amount = { tokens: number; micros: number };

export type Reserved =
  | { status: "reserved"; reservation: Reservation }
  | { status: "over"; what: "tokens" | "money" };

export type Reservation = {
  /** `null`, when nobody said what it cost, counts as all that was reserved. Only the first call counts. */
  settle(cost: Amount | null): void;
};

/** @param max `micros` is Infinity when no money budget is held. */
export function budgetOf(max: Amount): Budget {
  const spent: Amount = { tokens: 0, micros: 0 };
  const reserved: Amount = { tokens: 0, micros: 0 };
  return {
    reserve(amount) {
      if (spent.tokens + reserved.tokens + amount.tokens > max.tokens) return { status: "over", what: "tokens" };
      if (spent.micros + reserved.micros + amount.micros > max.micros) return { status: "over", what: "money" };
      add(reserved, amount, 1);
      let isSettled = false;
      const settle = (cost: Amount | null): void => {
        if (isSettled) return;
        isSettled = true;
        add(reserved, amount, -1);
        add(spent, cost ?? amount, 1);
      };
      return { status: "reserved", reservation: { settle } };
    },
    spent: () => ({ ...spent }),
    reserved: () => ({ ...reserved }),
  };
}

function add(to: Amount, amount: Amount, sign: 1 | -1): void {
  to.tokens += sign * amount.tokens;
  to.micros += sign * amount.micros;
}
