import { z } from "zod";
import { logLines } from "../egress/logLines.ts";
import type { EgressRow } from "../report/report.ts";

/** The fields of an egress log line that the report counts; the log holds more. */
const Opened = z.object({
  event: z.literal("open"),
  flow: z.int(),
  sandbox: z.string(),
  authority: z.string(),
  host: z.string().nullable(),
  port: z.int().nullable(),
  verdict: z.enum(["allow", "internal", "deny"]),
  reason: z.string(),
  bytesUp: z.int(),
});
const Closed = z.object({
  event: z.literal("close"),
  flow: z.int(),
  reason: z.string(),
  /** Of a tunnel whose inside nobody saw; all else went up before the opening line. */
  bytesUp: z.int().default(0),
  bytesDown: z.int(),
});
/** Requests that a cap turned away unread, and that have no lines of their own. */
const Unread = z.object({
  event: z.literal("capped"),
  sandbox: z.string(),
  reason: z.string(),
  times: z.int(),
});
const Line = z.union([Opened, Closed, Unread]);

/** A guest that makes up names makes no longer report: those less often asked for are one row. */
const ROWS_MAX = 200;
const REASONS_MAX = 20;

/**
 * The egress log as a table: a row for each sandbox and host, most asked for first. Bytes are those of bodies; what a denied
 * request carried came as far as the gateway and is not counted.
 */
export function egressTable(logPath: string): EgressRow[] {
  const rows = new Map<string, EgressRow>();
  const rowOf = (sandbox: string, authority: string): EgressRow => {
    const key = `${sandbox} ${authority}`;
    const row = rows.get(key) ?? newRow(sandbox, authority);
    rows.set(key, row);
    return row;
  };
  const open = new Map<number, EgressRow>();
  for (const raw of logLines(logPath)) {
    const line = Line.safeParse(raw).data;
    if (line === undefined) continue;
    switch (line.event) {
      case "open": {
        const row = rowOf(line.sandbox, authorityOf(line));
        if (line.verdict === "deny") {
          row.denied++;
          addReason(row, line.reason);
          break;
        }
        row.allowed++;
        row.bytesUp += line.bytesUp;
        open.set(line.flow, row);
        break;
      }
      case "close": {
        const row = open.get(line.flow);
        if (row === undefined) break;
        open.delete(line.flow);
        row.bytesUp += line.bytesUp;
        row.bytesDown += line.bytesDown;
        if (line.reason !== "ok") addReason(row, line.reason.split(" ", 1)[0] ?? "");
        break;
      }
      case "capped": {
        const row = rowOf(line.sandbox, UNREAD);
        row.denied += line.times;
        addReason(row, line.reason);
      }
    }
  }
  return shortened([...rows.values()].sort((a, b) => asked(b) - asked(a) || a.authority.localeCompare(b.authority)));
}

const UNREAD = "(not read: too much was asked)";

function newRow(sandbox: string, authority: string): EgressRow {
  return { sandbox, authority, allowed: 0, denied: 0, bytesUp: 0, bytesDown: 0, reasons: [] };
}

/** As the rule writes it, where there is a rule: a guest may write one host in many ways. */
function authorityOf({ host, port, authority }: z.infer<typeof Opened>): string {
  if (host !== null) return port === 443 ? host : `${host}:${port}`;
  return authority === "" ? "(not shown: it carried a fake)" : authority;
}

function addReason(row: EgressRow, reason: string): void {
  if (row.reasons.length < REASONS_MAX && !row.reasons.includes(reason)) row.reasons.push(reason);
}

function asked({ allowed, denied }: EgressRow): number {
  return allowed + denied;
}

function shortened(rows: EgressRow[]): EgressRow[] {
  if (rows.length <= ROWS_MAX) return rows;
  const others = rows.slice(ROWS_MAX - 1);
  const sum = newRow("(any)", `(${others.length} others)`);
  for (const row of others) {
    sum.allowed += row.allowed;
    sum.denied += row.denied;
    sum.bytesUp += row.bytesUp;
    sum.bytesDown += row.bytesDown;
    for (const reason of row.reasons) addReason(sum, reason);
  }
  return [...rows.slice(0, ROWS_MAX - 1), sum];
}
