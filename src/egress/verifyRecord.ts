import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { z } from "zod";
import { errnoOf, messageOf } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { FIRST_HASH } from "./record.ts";

/**
 * Holds an egress log against its own chain. What it cannot see is a cut at the end: for that, compare `head` and `lines`
 * with what the ledger keeps of the cycle.
 */
export type RecordCheck =
  | {
      status: "intact";
      lines: number;
      /** Hash of the last line. */
      head: string;
      /** Flows without a closing line: they were open when the gateway was cut. */
      unclosed: number;
    }
  | { status: "broken" /** From 1. */; line: number; reason: string }
  | { status: "not-checked"; reason: string };

const Place = { seq: z.int().nonnegative(), prevHash: z.string().length(64) };
const Link = z.union([
  z.object({ ...Place, event: z.enum(["open", "close"]), flow: z.int().nonnegative() }),
  z.object({ ...Place, event: z.enum(["policy", "capped"]) }),
]);

export async function verifyRecord(path: string): Promise<RecordCheck> {
  let head = FIRST_HASH;
  let lines = 0;
  const open = new Set<number>();
  try {
    for await (const text of createInterface({ input: createReadStream(path, "utf8") })) {
      const broken = (reason: string): RecordCheck => ({ status: "broken", line: lines + 1, reason });
      const link = parse(text);
      if (link === undefined) return broken("not a line of this log");
      if (link.seq !== lines) return broken(`numbered ${link.seq}, expected ${lines}`);
      if (link.prevHash !== head) return broken("does not follow from the line before it");
      if (link.event === "open") open.add(link.flow);
      else if (link.event === "close" && !open.delete(link.flow))
        return broken(`closes flow ${link.flow}, which is not open`);
      head = sha256Hex(text);
      lines++;
    }
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return { status: "not-checked", reason: messageOf(thrown) };
  }
  return { status: "intact", lines, head, unclosed: open.size };
}

function parse(text: string): z.infer<typeof Link> | undefined {
  try {
    return Link.safeParse(JSON.parse(text)).data;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return undefined;
  }
}
