import type { Database } from "better-sqlite3";
import { z } from "zod";
import { CycleRecord, type Store } from "./store.ts";
import { asking, read, readJson } from "./trouble.ts";

type Part = Pick<Store, "saveCycle" | "cycles" | "cycle" | "lastScheduled" | "setScheduled">;

const Row = z.object({
  id: z.string(),
  stack: z.string(),
  started_at: z.string(),
  ended_at: z.string().nullable(),
  outcome: z.string().nullable(),
  summary: z.string(),
  report_path: z.string().nullable(),
});
const ScheduleRow = z.object({ last_at: z.iso.datetime() });

/** Cycles, and when they were last due. */
export function cyclesOf(db: Database, path: string): Part {
  const fromRow = (value: unknown): CycleRecord => {
    const row = read(Row, value, "a cycle", path);
    const summary = readJson(CycleRecord.shape.summary, row.summary, `the summary of ${row.id}`, path);
    const { id, stack, outcome } = row;
    const record = {
      id,
      stack,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      outcome,
      summary,
      reportPath: row.report_path,
    };
    return read(CycleRecord, record, `cycle ${id}`, path);
  };
  return {
    saveCycle: (cycle) =>
      asking(path, () => {
        const { id, stack, startedAt, endedAt, outcome, summary, reportPath } = CycleRecord.parse(cycle);
        db.prepare(
          `INSERT INTO cycles (id, stack, started_at, ended_at, outcome, summary, report_path) VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET stack = excluded.stack, started_at = excluded.started_at,
             ended_at = excluded.ended_at, outcome = excluded.outcome, summary = excluded.summary,
             report_path = excluded.report_path`,
        ).run(id, stack, startedAt, endedAt, outcome, JSON.stringify(summary), reportPath);
      }),
    cycles: () => asking(path, () => db.prepare("SELECT * FROM cycles ORDER BY id DESC").all().map(fromRow)),
    cycle: (id) =>
      asking(path, () => {
        const row = db.prepare("SELECT * FROM cycles WHERE id = ?").get(id);
        return row === undefined ? undefined : fromRow(row);
      }),
    lastScheduled: (stack) =>
      asking(path, () => {
        const row = db.prepare("SELECT last_at FROM schedules WHERE stack = ?").get(stack);
        return row === undefined
          ? undefined
          : new Date(read(ScheduleRow, row, `the schedule of ${stack}`, path).last_at);
      }),
    setScheduled: (stack, at) =>
      asking(path, () => {
        db.prepare(
          "INSERT INTO schedules (stack, last_at) VALUES (?, ?) ON CONFLICT (stack) DO UPDATE SET last_at = excluded.last_at",
        ).run(stack, at.toISOString());
      }),
  };
}
