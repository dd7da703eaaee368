import { systemClock } from "../../../src/base/clock.ts";
import { OperatorError } from "../../../src/base/errors.ts";
import { openLedger } from "../../../src/ledger/open.ts";

/**
 * A process of its own that appends: `appender.ts STATE COUNT NAME [BYTES]`. Prints each seq once it is durable. What
 * a person would be told goes to standard output as `refused: message (hint)`.
 */
const [state = "", count = "1", name = "appender", bytes = "10"] = process.argv.slice(2);
const text = "x".repeat(Number(bytes));
try {
  const ledger = openLedger(state, { clock: systemClock });
  for (let n = 0; n < Number(count); n++) {
    const actor = { kind: "gateway" as const, name };
    process.stdout.write(`${ledger.append({ kind: "test.leaf", actor, cycle: null, payload: { n, text } }).seq}\n`);
  }
  await ledger.close();
} catch (thrown) {
  if (!(thrown instanceof OperatorError)) throw thrown;
  process.stdout.write(`refused: ${thrown.message} (${thrown.hint})\n`);
}
