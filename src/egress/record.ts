import { hash } from "node:crypto";
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { errnoOf, messageOf } from "../base/errors.ts";
import { writeAll } from "../base/files.ts";

/**
 * The egress log: one JSON line when a flow is decided about and one when it closes, for denials as for allowances.
 * Each line holds the hash of the line before it, so that a changed, dropped or swapped line shows. Written by a serializer, all
 * lines of one turn of the event loop at once: whoever was told `written` may go on, and nobody else. A line outlives this
 * process from the end of its turn on, and a power cut from `end` on.
 */
export type OpenLine = {
  event: "open";
  sandbox: string;
  /** What the sandbox stands on: bubblewrap, runsc, …; null when nobody said. */
  backend: string | null;
  role: string;
  /** Number of the flow in this log. */
  flow: number;
  /** Of the policy that it was decided by, and that it ends under whatever is loaded meanwhile. */
  policyHash: string;
  /** As the guest wrote it, cut to 300 characters. */
  authority: string;
  /** Null of a tunnel, and of what is neither. */
  scheme: "http" | "https" | null;
  method: string;
  /** Without its query, cut to 300 characters. */
  path: string;
  /** Of a request that was denied, each once, at most 20: what a rule for it would have to name. Never a value. */
  queryKeys: string[];
  host: string | null;
  port: number | null;
  verdict: "allow" | "internal" | "deny";
  reason: string;
  rule: string | null;
  pathTemplate: string | null;
  bytesUp: number;
  /** Null when there was no body, or it carried a fake. */
  bodySha256: string | null;
  /** What the rule still lets through in this cycle, this request counted; null where it has no such limit. */
  budgetLeft: { up: number; down: number } | null;
  /** A credential of others that it carried: where, of which kind, how long, and a keyed hash. Never the value. */
  credential: { place: string; kind: string; length: number; hash: string } | null;
  /** Fields of this line that are empty because they held a fake. */
  redactions: string[];
  /** Of a tunnel, or of what became a websocket, that was let in. */
  mode: "terminate" | "splice" | "websocket" | null;
  /** Number of the flow that opened the tunnel which this came through. */
  tunnel: number | null;
  /** Names of the headers from inside that do not go out. */
  stripped: string[];
} & Greeted;

export type CloseLine = {
  event: "close";
  sandbox: string;
  flow: number;
  policyHash: string;
  status: number;
  closedBy: "answer" | "guest" | "upstream" | "limit" | "gateway" | "channel";
  /** Why it was refused after all, or what broke; `ok` when nothing did. */
  reason: string;
  resolved: string[];
  dialed: string | null;
  /** What went up after the opening line: 0 but for a spliced tunnel and a websocket. What is in a terminated one has lines of its own. */
  bytesUp: number;
  bytesDown: number;
  dnsMs: number | null;
  connectMs: number | null;
  durationMs: number;
  /** As in the opening line, of a message of a websocket. */
  credential: OpenLine["credential"];
} & Greeted;

/**
 * What the greeting of a tunnel said: in the line that closes it, because when it is opened nothing was said yet, and in both
 * lines of what came through it. Null where there was no greeting, or none that could be read, or one that held a fake.
 */
export type Greeted = {
  /** Every server name, with commas, cut to 300 characters: as the guest wrote it, whether it was taken or not. */
  sni: string | null;
  /** The protocols that it offers, with commas, cut to 100 characters. */
  alpn: string | null;
  /** Is a part of it encrypted? */
  ech: boolean | null;
};

export const NOT_GREETED: Greeted = { sni: null, alpn: null, ech: null };

/** What is no flow: a policy that came, or was not taken, and requests that a cap turned away and that have no line of their own. */
export type NoteLine =
  | { event: "policy"; policyHash: string; status: "changed"; from: string }
  | { event: "policy"; policyHash: string; status: "kept"; reason: string }
  | { event: "capped"; policyHash: string; sandbox: string; reason: string; times: number };

type Line = OpenLine | CloseLine | NoteLine;

/** What is the same for every line of one log. */
type RecordHead = { cycle: string };

export type Written = { status: "written" } | { status: "failed"; reason: string };

export type EgressRecord = {
  /** Resolves in the same turn of the event loop. Not written means: refuse. The next call tries again, and first writes what it owes. */
  open(line: OpenLine): Promise<Written>;
  /** Never fails: a line that cannot be written is kept, and until it is on the disk nothing opens. */
  close(line: CloseLine | NoteLine): void;
  /** Writes all that was said, now: for who ends this process before the turn is over. */
  flush(): void;
  /** Writes what is owed if it can, fsyncs, closes the file. */
  end(): Written;
};

/** A guest that asks and asks must not fill the disk: at 10,000 denials a second this is reached after half a minute, and then it waits. */
const LOG_BYTES_MAX = 256 * 1024 * 1024;

export const FIRST_HASH = "0".repeat(64);

/** Creates the log; the file must not be there yet. Throws the system error when it cannot. */
export function startRecord(
  path: string,
  head: RecordHead,
  clock: Clock,
  bytesMax: number = LOG_BYTES_MAX,
): EgressRecord {
  const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0o600);
  let said: Said[] = [];
  let turn: NodeJS.Immediate | undefined;
  let seq = 0;
  let prevHash = FIRST_HASH;
  let length = 0;

  /** All of them or none. */
  const write = (lines: readonly Said[]): Written => {
    let [nextSeq, lastHash, text] = [seq, prevHash, ""];
    for (const { ts, line } of lines) {
      const one = asciiJson({ seq: nextSeq++, prevHash: lastHash, ts, ...head }, line);
      lastHash = hash("sha256", one);
      text += `${one}\n`;
    }
    // A file that was removed takes writes for ever and keeps none of them.
    if (fstatSync(fd).nlink === 0) return { status: "failed", reason: "the log file was removed" };
    try {
      writeAll(fd, Buffer.from(text, "latin1"));
    } catch (thrown) {
      if (errnoOf(thrown) === undefined) throw thrown;
      // What a full disk took of the lines is no part of the chain.
      ftruncateSync(fd, length);
      return { status: "failed", reason: messageOf(thrown) };
    }
    [seq, prevHash, length] = [nextSeq, lastHash, length + text.length];
    return WRITTEN;
  };
  const flush = (): Written => {
    clearImmediate(turn);
    turn = undefined;
    if (said.length === 0) return WRITTEN;
    const lines = said;
    said = [];
    const together = write(lines);
    if (together.status === "written") for (const { opened } of lines) opened?.(together);
    return together.status === "written" ? together : eachAlone(lines);
  };
  /** As many as there is room for, in their order: nothing opens behind a line that is owed. */
  const eachAlone = (lines: readonly Said[]): Written => {
    let last: Written = WRITTEN;
    for (const line of lines) {
      const isBehind = said.length > 0 && last.status === "failed";
      const written = isBehind ? last : write([line]);
      if (written.status === "failed") last = written;
      if (written.status === "failed" && line.opened === undefined) said.push(line);
      line.opened?.(written);
    }
    return last;
  };
  const say = (line: Line, opened?: Said["opened"]): void => {
    said.push({ ts: clock.now().toISOString(), line, opened });
    turn ??= setImmediate(flush);
  };

  return {
    open(line) {
      if (length >= bytesMax)
        return Promise.resolve({ status: "failed", reason: `the log has reached ${bytesMax} bytes` });
      return new Promise((resolve) => say(line, resolve));
    },
    close: (line) => say(line),
    flush: () => void flush(),
    end() {
      const settled = flush();
      fsyncSync(fd);
      closeSync(fd);
      return settled;
    },
  };
}

type Said = {
  ts: string;
  line: Line /** Of a line that must be written before something is done. */;
  opened?: ((written: Written) => void) | undefined;
};

const WRITTEN: Written = { status: "written" };

/** One line whatever the strings hold: line separators, bidi and zero-width characters become escapes. */
function asciiJson(head: object, line: Line): string {
  const text = `${JSON.stringify(head).slice(0, -1)},${JSON.stringify(line).slice(1)}`;
  return NOT_ASCII.test(text) ? text.replace(ALL_NOT_ASCII, escaped) : text;
}

const NOT_ASCII = /[\u007f-\uffff]/;
const ALL_NOT_ASCII = /[\u007f-\uffff]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
