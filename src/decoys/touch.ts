import { oneLine } from "../base/text.ts";
import type { Guest } from "../egress/egress.ts";
import { type DrillOrder, type DrillWord, DrillWords } from "../guest/drill/order.ts";
import type { TaskResult } from "../guest/wire.ts";

/** What the drill program said, one word an order; or that it said nothing of the known shape, which is no word at all. */
export type Touches = { status: "said"; words: DrillWord[] } | { status: "nothing-said"; reason: string };

/** Has the orders carried out inside, one after the other, by one run of the drill program. */
export async function touchFromInside(
  guest: Guest,
  orders: readonly DrillOrder[],
  signal: AbortSignal,
): Promise<Touches> {
  const result = await guest.run(
    {
      run: { program: "drill", args: [] },
      env: {},
      cwd: "/",
      stdin: JSON.stringify(orders),
      timeoutMs: 20_000,
      outputBytesMax: 256 * 1024,
    },
    signal,
  );
  const words = parseWords(result.stdout);
  if (words?.length === orders.length) return { status: "said", words };
  return { status: "nothing-said", reason: `the drill program ${faultOf(result)}` };
}

function faultOf({ code, signal, stderr, isTimedOut, isTruncated }: TaskResult): string {
  if (isTimedOut) return "did not end in its time";
  if (isTruncated) return "said more than is taken";
  if (code === 0) return "said nothing of the known shape";
  return `ended with ${code ?? signal}: ${oneLine(stderr, 200)}`;
}

function parseWords(stdout: string): DrillWord[] | undefined {
  try {
    return DrillWords.safeParse(JSON.parse(stdout)).data;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
