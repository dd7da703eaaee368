import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { errnoOf, OperatorError } from "../base/errors.ts";

/** Not in the logs of before. */
const GREETED = {
  sni: z.string().nullable().default(null),
  alpn: z.string().nullable().default(null),
  ech: z.boolean().nullable().default(null),
};

/** Flows as the egress log tells of them: what was asked and decided, and how it ended once it has. */
const Opened = z.object({
  event: z.literal("open"),
  ts: z.string(),
  cycle: z.string(),
  sandbox: z.string(),
  role: z.string(),
  flow: z.int().nonnegative(),
  authority: z.string(),
  method: z.string(),
  path: z.string(),
  host: z.string().nullable(),
  port: z.int().nullable(),
  verdict: z.enum(["allow", "internal", "deny"]),
  reason: z.string(),
  rule: z.string().nullable(),
  bytesUp: z.int(),
  ...GREETED,
});

const Closed = z.object({
  event: z.literal("close"),
  flow: z.int().nonnegative(),
  status: z.int().nullable(),
  closedBy: z.string(),
  reason: z.string(),
  dialed: z.string().nullable(),
  bytesDown: z.int(),
  durationMs: z.number(),
  ...GREETED,
});

/** What is no flow: a policy that came or was not taken, requests that a cap turned away unread. */
const Note = z.object({ event: z.enum(["policy", "capped"]) });

export type Flow = {
  opened: z.infer<typeof Opened>;
  /** Null while it lasted when the gateway was cut. */
  closed: z.infer<typeof Closed> | null;
};

/** Where a cycle's log lies: in the state directory, so that a cycle which was killed keeps its own, too. */
export function egressLogPath(stateDir: string, cycle: string): string {
  return join(stateDir, "egress", `${cycle}.jsonl`);
}

/** In the order in which they opened. Throws OperatorError when there is no log or a line is none of ours. */
export function readFlows(path: string): Flow[] {
  const flows = new Map<number, Flow>();
  for (const [index, line] of textOf(path).split("\n").entries()) {
    if (line === "") continue;
    const found = parse(line);
    if (found?.event === "open") flows.set(found.flow, { opened: found, closed: null });
    else if (found?.event === "close" && flows.has(found.flow)) {
      const flow = flows.get(found.flow);
      if (flow !== undefined) flow.closed = found;
    } else if (found === undefined || found.event === "close")
      throw new OperatorError(`${path}:${index + 1} is no line of an egress log`, "it was changed or cut off");
  }
  return [...flows.values()];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    throw new OperatorError(`${path} cannot be read (${code})`, "weakdoor status names the cycles that ran", {
      cause: thrown,
    });
  }
}

function parse(line: string) {
  try {
    return z.union([Opened, Closed, Note]).safeParse(JSON.parse(line)).data;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return undefined;
  }
}
