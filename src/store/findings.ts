import type { Database } from "better-sqlite3";
import { z } from "zod";
import { OperatorError } from "../base/errors.ts";
import { count } from "../base/text.ts";
import { Finding, type FindingState } from "../findings/finding.ts";
import { decisionFor, type Move, type Mover, move } from "../findings/lifecycle.ts";
import { SEVERITIES } from "../sources/weaknesses/weakness.ts";
import { FindingRecord, type Store } from "./store.ts";
import { asking, read, readJson } from "./trouble.ts";

type Part = Pick<Store, "findings" | "finding" | "saveFindings" | "setState" | "events">;

const Row = z.object({ id: z.string(), finding: z.string() });
const EventRow = z.object({
  seq: z.int(),
  finding: z.string(),
  at: z.string(),
  event: z.string(),
  from_state: z.string().nullable(),
  to_state: z.string(),
  actor_kind: z.string(),
  actor_name: z.string(),
  reason: z.string(),
});

/** Findings and what happened to them. */
export function findingsOf(db: Database, path: string): Part {
  const fromRow = (value: unknown): Finding => {
    const row = read(Row, value, "a finding", path);
    return readJson(Finding, row.finding, `finding ${row.id}`, path);
  };

  const update = (finding: Finding): void => {
    db.prepare("UPDATE findings SET state = ?, severity = ?, finding = ? WHERE id = ?").run(
      finding.state,
      finding.severity,
      JSON.stringify(finding),
      finding.id,
    );
  };

  const record = (event: Move, actor: Mover, at: Date): void => {
    db.prepare(
      `INSERT INTO finding_events (finding, at, event, from_state, to_state, actor_kind, actor_name, reason)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(event.finding, at.toISOString(), event.event, event.from, event.to, actor.kind, actor.name, event.reason);
  };

  const insert = (stack: string, finding: Finding): void => {
    db.prepare(
      "INSERT INTO findings (id, stack, state, severity, finding) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    ).run(finding.id, stack, finding.state, finding.severity, JSON.stringify(finding));
  };

  /** A person may have decided while the cycle ran: the cycle's move is made from the state that is here now. */
  const settle = (finding: Finding, mine: Move | undefined): { finding: Finding; move?: Move } => {
    const row = db.prepare("SELECT id, finding FROM findings WHERE id = ?").get(finding.id);
    if (row === undefined) return mine === undefined ? { finding } : { finding, move: mine };
    const from = fromRow(row).state;
    if (mine === undefined) return { finding: { ...finding, state: from } };
    const to = move(from, mine.event, { kind: "cycle", name: "" });
    return { finding: { ...finding, state: to }, move: { ...mine, from, to } };
  };

  const finding = (idOrPrefix: string): Finding => {
    const hex = idOrPrefix.replace(/^fp1:/, "");
    if (!/^[0-9a-f]{4,64}$/.test(hex))
      throw new OperatorError(
        `not a finding's id: ${idOrPrefix.slice(0, 80)}`,
        "at least its first four digits; weakdoor findings lists them",
      );
    // A range and not LIKE, so that the index is used and nothing in the text is a wildcard.
    const rows = db
      .prepare("SELECT id, finding FROM findings WHERE id >= ? AND id < ? ORDER BY id")
      .all(`fp1:${hex}`, `fp1:${hex}g`);
    const [first, ...others] = rows;
    if (first === undefined)
      throw new OperatorError(`no finding begins with ${hex}`, "weakdoor findings --all lists them");
    if (others.length > 0)
      throw new OperatorError(`${count(rows.length, "finding")} begin with ${hex}`, "give more of the id");
    return fromRow(first);
  };

  return {
    findings: (stack) =>
      asking(path, () => {
        const rows =
          stack === undefined
            ? db.prepare("SELECT id, finding FROM findings ORDER BY id").all()
            : db.prepare("SELECT id, finding FROM findings WHERE stack = ? ORDER BY id").all(stack);
        return rows.map(fromRow).sort((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity));
      }),
    finding: (idOrPrefix) => asking(path, () => finding(idOrPrefix)),
    saveFindings: ({ stack, cycle, at, findings, moves }) =>
      asking(path, () =>
        db
          .transaction(() => {
            for (const one of findings) {
              const mine = moves.find((event) => event.finding === one.id);
              const settled = settle(Finding.parse(one), mine);
              insert(stack, settled.finding);
              update(settled.finding);
              if (settled.move !== undefined) record(settled.move, { kind: "cycle", name: cycle }, at);
            }
          })
          .immediate(),
      ),
    setState: (id, state, actor, reason, at) =>
      asking(path, () =>
        db
          .transaction((): Finding => {
            const before = finding(id);
            const event = decisionFor(state);
            const to: FindingState = move(before.state, event, actor);
            const after = { ...before, state: to };
            update(after);
            record({ finding: before.id, event, from: before.state, to, reason }, actor, at);
            return after;
          })
          .immediate(),
      ),
    events: (id) =>
      asking(path, () =>
        db
          .prepare("SELECT * FROM finding_events WHERE finding = ? ORDER BY seq")
          .all(id)
          .map((value) => {
            const row = read(EventRow, value, "an event", path);
            const { seq, at, event, reason } = row;
            const actor = { kind: row.actor_kind, name: row.actor_name };
            const shaped = {
              seq,
              finding: row.finding,
              at,
              event,
              from: row.from_state,
              to: row.to_state,
              actor,
              reason,
            };
            return read(FindingRecord, shaped, `event ${seq}`, path);
          }),
      ),
  };
}
