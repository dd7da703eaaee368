import { count, oneLine } from "../base/text.ts";
import { type Flow, type Note, readLog } from "../egress/readLog.ts";
import { verifyRecord } from "../egress/verifyRecord.ts";
import { EXIT, flag, type Io, text, type VerbInput } from "./verb.ts";

type Values = VerbInput["values"];

/** Exit 30 when the log does not follow from itself: then what it shows is nobody's word. */
export async function showLog(path: string, values: Values, io: Io): Promise<number> {
  const log = readLog(path);
  const flows = log.flows.filter((flow) => isWanted(flow, values));
  const notes = log.notes.filter((note) => isNoteWanted(note, values));
  const check = await verifyRecord(path);
  if (flag(values, "json")) io.json({ check, flows, notes });
  else {
    for (const flow of flows) io.out(lineOf(flow));
    for (const note of notes) io.out(noteOf(note));
    io.out(
      check.status === "intact"
        ? `${flows.length} shown; the log is whole: ${check.lines} lines, head ${check.head.slice(0, 16)}`
        : `the log is not to be trusted: ${check.reason}`,
    );
  }
  return check.status === "intact" ? EXIT.nothingNew : EXIT.logOrPreflight;
}

function isWanted(flow: Flow, values: Values): boolean {
  const { opened, closed } = flow;
  const { sni, alpn, ech } = greetingOf(flow);
  const isNone = (name: string, has: (wanted: string) => boolean) => {
    const wanted = text(values, name);
    return wanted !== undefined && !has(wanted.toLowerCase());
  };
  if (isNone("sandbox", (name) => opened.sandbox.toLowerCase() === name)) return false;
  if (isNone("host", (part) => opened.authority.toLowerCase().includes(part))) return false;
  if (isNone("verdict", (verdict) => opened.verdict === verdict)) return false;
  if (isNone("rule", (id) => opened.rule === id)) return false;
  if (isNone("reason", (word) => [opened.reason, closed?.reason.split(" ", 1)[0]].includes(word))) return false;
  if (isNone("sni", (part) => sni?.toLowerCase().includes(part) === true)) return false;
  if (isNone("alpn", (name) => alpn?.toLowerCase().split(",").includes(name) === true)) return false;
  return !flag(values, "ech") || ech === true;
}

/** What is no flow passes only the filters that it has something to say to; a policy, none. */
function isNoteWanted(note: Note, values: Values): boolean {
  const given = FILTERS.filter((name) => values[name] !== undefined);
  if (note.event === "policy") return given.length === 0;
  const said: Partial<Record<string, string>> = { sandbox: note.sandbox, verdict: "deny", reason: note.reason };
  return given.every((name) => said[name] === text(values, name)?.toLowerCase());
}

const FILTERS = ["sandbox", "host", "verdict", "rule", "reason", "sni", "alpn", "ech"];

function noteOf(note: Note): string {
  if (note.event === "capped") {
    const { ts, sandbox, reason, times } = note;
    return `${ts}  capped   ${oneLine(sandbox, 60)}  ${count(times, "request")} turned away unread  ${oneLine(reason, 60)}`;
  }
  const words = note.status === "changed" ? "other lists hold from here on" : "lists that changed were not taken";
  return `${note.ts}  policy   ${words}${typeof note["reason"] === "string" ? `: ${oneLine(note["reason"], 200)}` : ""}`;
}

/** Of the tunnel that it is, which says it as it closes, or that it came through. */
function greetingOf({ opened, closed }: Flow): Pick<Flow["opened"], "sni" | "alpn" | "ech"> {
  return closed ?? opened;
}

function lineOf({ opened, closed }: Flow): string {
  const asked = oneLine(`${opened.method} ${opened.authority}${opened.path}`, 100);
  const end =
    closed === null ? "never closed" : `${closed.status ?? "-"} ${closed.bytesDown} B down, ${closed.closedBy}`;
  const up = `${opened.bytesUp} B up`;
  return `${opened.ts}  ${opened.verdict.padEnd(8)} ${oneLine(opened.sandbox, 60)}  ${asked}  ${opened.rule ?? opened.reason}  ${up}, ${end}${greetingWords({ opened, closed })}`;
}

/** Only of what had a greeting. */
function greetingWords(flow: Flow): string {
  const { sni, alpn, ech } = greetingOf(flow);
  if (ech === null) return "";
  return oneLine(`, greeted ${sni ?? "nobody"} by ${alpn ?? "no protocol"}${ech ? ", encrypted" : ""}`, 200);
}
