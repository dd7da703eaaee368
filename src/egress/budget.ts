/** Tokens of one cycle: reserved before a call by its largest cost, settled after it by what it really cost. */
export type Budget = {
  /** null when it does not fit beside what is spent and reserved. */
  reserve(tokens: number): Reservation | null;
  spent(): number;
};

export type Reservation = {
  /** `null`, when nobody said what it cost, counts as all that was reserved. Only the first call counts. */
  settle(tokens: number | null): void;
};

export function tokenBudget(tokensMax: number): Budget {
  let spent = 0;
  let reserved = 0;
  return {
    reserve(tokens) {
      if (spent + reserved + tokens > tokensMax) return null;
      reserved += tokens;
      let isSettled = false;
      return {
        settle(cost) {
          if (isSettled) return;
          isSettled = true;
          reserved -= tokens;
          spent += cost ?? tokens;
        },
      };
    },
    spent: () => spent,
  };
}
