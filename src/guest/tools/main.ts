import { text } from "node:stream/consumers";
import { attemptAll } from "./attempt.ts";
import { drive } from "./drive.ts";
import type { Order } from "./order.ts";
import { standAsServer, standAt } from "./post.ts";

/**
 * The tool plane's program inside. Without arguments it takes an order on standard input and prints what it saw as JSON. With
 * `hook FILE` or `server FILE` it is itself what an agent starts.
 */
const [as, file = ""] = process.argv.slice(2);
if (as === "hook") await standAt(file);
else if (as === "server") await standAsServer(file);
else process.stdout.write(`${JSON.stringify(await carriedOut(JSON.parse(await text(process.stdin)) as Order))}\n`);

function carriedOut(order: Order): Promise<unknown> {
  return order.mode === "drive" ? drive(order) : attemptAll(order);
}
