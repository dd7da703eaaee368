/**
 * The schema, step by step and only forward: entry n takes a file from version n to n + 1. An entry that was released is
 * never edited. Events are a record of what happened, so the file itself refuses to change or lose one.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE cycles (
    id TEXT PRIMARY KEY,
    stack TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    outcome TEXT,
    summary TEXT NOT NULL,
    report_path TEXT
  ) STRICT;
  CREATE INDEX cycles_by_stack ON cycles (stack, id);

  CREATE TABLE findings (
    id TEXT PRIMARY KEY,
    stack TEXT NOT NULL,
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    finding TEXT NOT NULL
  ) STRICT;
  CREATE INDEX findings_by_stack ON findings (stack);

  CREATE TABLE finding_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    finding TEXT NOT NULL REFERENCES findings (id),
    at TEXT NOT NULL,
    event TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
  CREATE INDEX finding_events_by_finding ON finding_events (finding, seq);
  CREATE TRIGGER finding_events_stay BEFORE UPDATE ON finding_events
    BEGIN SELECT RAISE(ABORT, 'an event is not changed'); END;
  CREATE TRIGGER finding_events_are_kept BEFORE DELETE ON finding_events
    BEGIN SELECT RAISE(ABORT, 'an event is not deleted'); END;

  CREATE TABLE reports (
    cycle TEXT NOT NULL,
    vantage TEXT NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (cycle, vantage)
  ) STRICT;

  CREATE TABLE schedules (
    stack TEXT PRIMARY KEY,
    last_at TEXT NOT NULL
  ) STRICT;
  `,
  // What a cycle measured is a file of its own, which can be taken to another machine.
  "DROP TABLE reports;",
];
