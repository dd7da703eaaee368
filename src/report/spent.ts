import type { Report } from "./report.ts";

type Spent = NonNullable<Report["research"]["spent"]>;

/** What the model calls cost, in one or two sentences. */
export function spentText({ calls, unsaid, inputTokens, outputTokens, tokens, tokensMax, money }: Spent): string {
  const held = `${tokens} of ${tokensMax} tokens of the budget`;
  const said = `Model calls that cost something: ${calls}, with ${inputTokens} tokens in and ${outputTokens} out; ${held}`;
  const paid =
    money === null
      ? ""
      : `, ${amount(money.spent)} ${money.max === null ? "" : `of ${amount(money.max)} `}${money.currency}`;
  const blind =
    unsaid === 0 ? "" : ` Of them ${unsaid} did not say what they cost, and count as the most they could.`;
  return `${said}${paid}.${blind}`;
}

function amount(units: number): string {
  return units.toLocaleString("en-US", { useGrouping: false, minimumFractionDigits: 2, maximumFractionDigits: 6 });
}
