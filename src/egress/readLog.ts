import { join } from "node:path";
import { z } from "zod";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { logLines } from "./logLines.ts";

/** An egress log as it tells of itself: flows, what was asked and decided and how it ended once it has, and what is no flow. */
export type EgressLog = {
  /** In the order in which they opened. */
  flows: Flow[];
  notes: Note[];
  /** Number of the first line that is none of ours, from 1; it and what comes after it are not in here. Null when all are. */
  brokenAt: number | null;
};

export type Flow = {
  opened: z.infer<typeof Opened>;
  /** Null while it lasted when the gateway was cut. */
  closed: z.infer<typeof Closed> | null;
};

/** Not in the logs of before. */
const GREETED = {
  sni: z.string().nullable().default(null),
  alpn: z.string().nullable().default(null),
  ech: z.boolean().nullable().default(null),
};

/** What is not named here is kept as it stands: whoever shows a line shows all of it. */
const Opened = z.looseObject({
  event: z.literal("open"),
  ts: z.string(),
  cycle: z.string(),
  sandbox: z.string(),
  role: z.string(),
  flow: z.int().nonnegative(),
  authority: z.string(),
  scheme: z.enum(["http", "https"]).nullable().default(null),
  method: z.string(),
  path: z.string(),
  queryKeys: z.array(z.string()).default([]),
  host: z.string().nullable(),
  port: z.int().nullable(),
  verdict: z.enum(["allow", "internal", "deny"]),
  reason: z.string(),
  rule: z.string().nullable(),
  bytesUp: z.int(),
  ...GREETED,
});

const Closed = z.looseObject({
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

/** Requests that a cap turned away unread, and a policy that came or was not taken. */
const Capped = z.looseObject({
  event: z.literal("capped"),
  ts: z.string(),
  sandbox: z.string(),
  reason: z.string(),
  times: z.int(),
});
const PolicyNote = z.looseObject({ event: z.literal("policy"), ts: z.string(), status: z.enum(["changed", "kept"]) });

export type Note = z.infer<typeof Capped> | z.infer<typeof PolicyNote>;

const Line = z.discriminatedUnion("event", [Opened, Closed, Capped, PolicyNote]);

/** Where a cycle's log lies: in the state directory, so that a cycle which was killed keeps its own, too. */
export function egressLogPath(stateDir: string, cycle: string): string {
  return join(stateDir, "egress", `${cycle}.jsonl`);
}

/** Throws OperatorError when there is no log. A last line without its end is one that is still being written. */
export function readLog(path: string): EgressLog {
  const flows = new Map<number, Flow>();
  const notes: Note[] = [];
  let line = 0;
  const told = (brokenAt: number | null): EgressLog => ({ flows: [...flows.values()], notes, brokenAt });
  try {
    for (const raw of logLines(path)) {
      line++;
      const found = Line.safeParse(raw).data;
      if (found === undefined) return told(line);
      if (found.event === "open") flows.set(found.flow, { opened: found, closed: null });
      else if (found.event === "close") {
        const flow = flows.get(found.flow);
        if (flow === undefined) return told(line);
        flow.closed = found;
      } else notes.push(found);
    }
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return told(line + 1);
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    throw new OperatorError(`${path} cannot be read (${code})`, "weakdoor status names the cycles that ran", {
      cause: thrown,
    });
  }
  return told(null);
}
