import { OperatorError } from "../base/errors.ts";
import type { FindingState } from "./finding.ts";

/**
 * Who may move a finding from which state to which, as one table. A look at the machine moves it between open, resolved
 * and regressed; only a person approves, rejects, suppresses or reopens; a model moves nothing, whatever it says.
 *
 * "We did not look" is an event of its own and leaves every state as it is: absence alone never closes a finding.
 */
export type FindingEvent =
  /** This cycle's observations bear it out. */
  | "seen-present"
  /** The same check ran to its end from the same vantage, and what it looked for was not so. */
  | "seen-absent"
  /** The check did not run, ran in part, or could not tell. */
  | "not-looked"
  /** The scripts or the proof offered with it are other bytes than those decided on. */
  | "offer-changed"
  | "suppression-ended"
  | "approve"
  | "reject"
  | "suppress"
  | "reopen";

/** `model` is here so that the table can refuse it by name. */
export type Mover = { kind: "cycle" | "person" | "watchdog" | "gateway" | "schedule" | "model"; name: string };

/** One move of one finding, for the log and the store. */
export type Move = {
  finding: string;
  event: FindingEvent;
  /** null when it was first seen. */
  from: FindingState | null;
  to: FindingState;
  reason: string;
};

type Row = Partial<Record<FindingState, FindingState>>;

/** What is not in a row is illegal. */
const TABLE: Record<FindingEvent, { by: Mover["kind"]; row: Row }> = {
  "seen-present": {
    by: "cycle",
    row: {
      open: "open",
      approved: "approved",
      rejected: "rejected",
      suppressed: "suppressed",
      resolved: "regressed",
      regressed: "regressed",
    },
  },
  // Also what was accepted or set aside is closed when it is gone.
  "seen-absent": {
    by: "cycle",
    row: {
      open: "resolved",
      approved: "resolved",
      rejected: "resolved",
      suppressed: "resolved",
      regressed: "resolved",
      resolved: "resolved",
    },
  },
  "not-looked": {
    by: "cycle",
    row: {
      open: "open",
      approved: "approved",
      rejected: "rejected",
      suppressed: "suppressed",
      resolved: "resolved",
      regressed: "regressed",
    },
  },
  // One changed byte voids a decision, either way.
  "offer-changed": {
    by: "cycle",
    row: {
      open: "open",
      approved: "open",
      rejected: "open",
      suppressed: "suppressed",
      resolved: "resolved",
      regressed: "regressed",
    },
  },
  "suppression-ended": { by: "cycle", row: { suppressed: "open" } },
  approve: { by: "person", row: { open: "approved", regressed: "approved" } },
  // A denial wins over an approval that was given before.
  reject: { by: "person", row: { open: "rejected", regressed: "rejected", approved: "rejected" } },
  suppress: { by: "person", row: { open: "suppressed", regressed: "suppressed", rejected: "suppressed" } },
  reopen: { by: "person", row: { approved: "open", rejected: "open", suppressed: "open" } },
};

export const FINDING_EVENTS = Object.keys(TABLE) as FindingEvent[];

/** The state after the event. Throws IllegalTransition when the table has no such move, or not for this actor. */
export function move(from: FindingState, event: FindingEvent, actor: Mover): FindingState {
  const { by, row } = TABLE[event];
  if (actor.kind !== by)
    throw new IllegalTransition(
      `${event} is for a ${by} to do, not for a ${actor.kind}`,
      by === "person" ? "a named person decides: weakdoor approve or weakdoor reject" : "run a cycle",
    );
  const to = row[from];
  if (to === undefined) throw new IllegalTransition(`a finding that is ${from} cannot take ${event}`, HINT[from]);
  return to;
}

/** The decision that leads to a state a person may ask for. Throws IllegalTransition for states that only a look makes. */
export function decisionFor(state: FindingState): FindingEvent {
  switch (state) {
    case "approved":
      return "approve";
    case "rejected":
      return "reject";
    case "suppressed":
      return "suppress";
    case "open":
      return "reopen";
    case "resolved":
    case "regressed":
      throw new IllegalTransition(
        `nobody decides that a finding is ${state}`,
        "run a cycle: it looks and then says so",
      );
  }
}

export class IllegalTransition extends OperatorError {
  constructor(message: string, hint: string) {
    super(message, hint);
    this.name = "IllegalTransition";
  }
}

const HINT: Record<FindingState, string> = {
  open: "it waits for a decision: weakdoor show ID",
  approved: "it is approved; reject it, or let the next cycle look",
  rejected: "it was rejected; reopen it first",
  resolved: "it was not there when last looked; the next cycle reopens it if it comes back",
  regressed: "it came back; decide on it anew",
  suppressed: "it is suppressed; reopen it first",
};
