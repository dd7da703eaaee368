import { readFileSync } from "node:fs";
import { z } from "zod";
import type { EgressRow } from "../report/report.ts";

/** The fields of an egress log line that the report counts; the log holds more. */
const OpenedLine = z.object({
  event: z.literal("open"),
  sandbox: z.string(),
  authority: z.string(),
  verdict: z.enum(["allow", "internal", "deny"]),
  reason: z.string(),
});

/** The egress log as a table: a row for each sandbox and authority, most asked for first. */
export function egressTable(logPath: string): EgressRow[] {
  const rows = new Map<string, EgressRow>();
  for (const line of readFileSync(logPath, "utf8").split("\n")) {
    if (line === "") continue;
    const opened = OpenedLine.safeParse(JSON.parse(line));
    if (!opened.success) continue;
    const { sandbox, authority, verdict, reason } = opened.data;
    const key = `${sandbox} ${authority}`;
    const row = rows.get(key) ?? { sandbox, authority, allowed: 0, denied: 0, reasons: [] };
    rows.set(key, row);
    if (verdict === "deny") {
      row.denied++;
      if (!row.reasons.includes(reason)) row.reasons.push(reason);
    } else row.allowed++;
  }
  return [...rows.values()].sort(
    (a, b) => b.allowed + b.denied - (a.allowed + a.denied) || a.authority.localeCompare(b.authority),
  );
}
