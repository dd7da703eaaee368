import { userInfo } from "node:os";
import { resolve } from "node:path";
import type { Choice } from "../approval/approval.ts";
import { type Decided, takeDecision } from "../approval/approve.ts";
import { targetOf } from "../approval/target.ts";
import { systemClock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { readEnvironment } from "../config/env.ts";
import { move } from "../findings/lifecycle.ts";
import { ledgerDirectory } from "../ledger/open.ts";
import { readEntries } from "../ledger/store.ts";
import { openStore } from "../store/openStore.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Io, text, type Verb } from "./verb.ts";

/** `approve` and `reject` differ in the one word. */
export function decisionVerb(decision: Choice, summary: string): Verb {
  const usage = `${decision} ID --reason TEXT [--key FILE] [--json] [--state DIR]`;
  return {
    name: decision,
    summary,
    usage,
    argumentsMax: 1,
    options: { ...STATE_OPTIONS, reason: { type: "string" }, key: { type: "string" }, json: { type: "boolean" } },
    async run({ values, positionals: [id], io, cwd, signal }) {
      const reason = text(values, "reason")?.trim() ?? "";
      if (id === undefined || reason === "") {
        throw new OperatorError(`${decision} needs the id of a finding and a reason`, `usage: weakdoor ${usage}`);
      }
      const stateDir = requireState(values, cwd);
      const keyPath = text(values, "key");
      const isJson = flag(values, "json");
      const store = openStore(stateDir, { mayCreate: false });
      try {
        const finding = store.finding(longEnough(id));
        const person = { kind: "person", name: userInfo().username } as const;
        const state = decision === "approve" ? "approved" : "rejected";
        // Deciding the same again is allowed: to sign it, or when it has expired.
        if (finding.state !== state) move(finding.state, decision, person);
        const decided = await takeDecision({
          stateDir,
          decision,
          finding,
          target: targetOf(finding.lastCycle, readEntries(ledgerDirectory(stateDir))),
          reason,
          decider: person,
          keyPath: keyPath === undefined ? undefined : resolve(cwd, keyPath),
          tool: { program: "ssh-keygen", session: readEnvironment().variables },
          clock: systemClock,
          signal,
          // With --json the text is a field of what is printed, and the terminal still shows it.
          show: (shown) => (isJson ? io.err(shown) : io.out(shown)),
        });
        if (decided.standing.status === "valid" && store.finding(finding.id).state !== state) {
          store.setState(finding.id, state, person, reason, systemClock.now());
        }
        if (isJson) io.json(decided);
        else tell(decided, io);
        return EXIT.nothingNew;
      } finally {
        store.close();
      }
    },
  };
}

/** What is looked up by four digits may be decided on by six: one typing slip less. */
function longEnough(id: string): string {
  if (/^(fp1:)?[0-9a-f]{6,64}$/.test(id)) return id;
  throw new OperatorError(`not enough of a finding's id: ${oneLine(id, 80)}`, "give its first six digits or more");
}

function tell({ record, recorded, standing }: Decided, io: Io): void {
  const { decision, notAfter } = record.statement;
  io.out(`recorded: ${decision} by ${standing.by}, leaf ${recorded.leaf.seq} of the log, ${recorded.file}`);
  if (standing.status !== "valid") io.out(`it does not count: ${standing.reason}`);
  else if (decision === "approve") io.out(`it counts until ${notAfter}, or until a byte of it changes`);
  if (!standing.isSigned) io.out("it is unsigned: give --key to sign with your own SSH key");
  io.out("nothing was applied");
}
