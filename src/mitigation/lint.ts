import { inert } from "../base/text.ts";
import { BODY } from "./scriptBody.ts";

/**
 * What a generated script must be before anyone runs it: our fixed body, and in front of it nothing but comments, two
 * assignments and calls of `step` with texts in single quotes, in which a shell reads nothing. And free of every fake of
 * every clone. The scripts are ours, so this is a second lock and not the first: it catches the day when a mitigation
 * is written that breaks the rule.
 */
export type Lint = { status: "clean" } | { status: "refused"; reason: string };

/** All that the body calls; each is in POSIX and in busybox. A test runs the scripts with nothing else in reach. */
export const PROGRAMS = ["awk", "cmp", "cp", "ls", "mkdir", "mv", "rm", "rmdir"] as const;

/** A finding holds at most this much of each script. */
const CHARACTERS_MAX = 64 * 1024;

/** A fake shorter than this is no credential that could be told from ordinary text. */
const FAKE_CHARACTERS_MIN = 6;

export function lintScript(script: string, fakes: readonly string[]): Lint {
  if (script.length > CHARACTERS_MAX) return refused(`it is longer than ${CHARACTERS_MAX} characters`);
  // Whoever approves it reads it: what a terminal or an editor hides or reorders must not be in there.
  const shown = script.replaceAll("\r\n", "\n");
  if (inert(shown, shown.length) !== shown) return refused("it holds characters that do not show");
  if (!script.endsWith(BODY)) return refused("its body is not the one we wrote");
  const head = withoutQuoted(script.slice(0, -BODY.length));
  if (head === undefined) return refused("a quote is not closed");
  const odd = head.split("\n").find((line) => !ALLOWED.some((allowed) => allowed.test(line)));
  if (odd !== undefined) return refused(`it has a line that is not a step: ${odd.slice(0, 80)}`);
  // As it is written, and as the shell reads it.
  const leaked = fakesIn(`${script}\n${script.replaceAll("'\\''", "'")}`, fakes);
  return leaked === 0 ? { status: "clean" } : refused(`it holds ${leaked} of the clone's fakes`);
}

/** How many of the fakes stand in a text, also quoted, as JSON, URL-encoded, base64 or hexadecimal. */
export function fakesIn(text: string, fakes: readonly string[]): number {
  return fakes.filter((fake) => fake.length >= FAKE_CHARACTERS_MIN && spellings(fake).some((s) => text.includes(s)))
    .length;
}

/** Lines of the head once every single-quoted text, joined over quotes by `\'`, has become `Q`. */
const ALLOWED = [
  /^$/,
  /^#/,
  /^NEEDS=Q$/,
  /^WORK=Q$/,
  /^steps\(\) \{$/,
  /^ {2}step "\$(home|workspace)" Q Q Q$/,
  /^\}$/,
];

function spellings(fake: string): string[] {
  const bytes = Buffer.from(fake, "utf8");
  const quoted = fake.replaceAll("'", "'\\''");
  const json = JSON.stringify(fake).slice(1, -1);
  return [
    fake,
    quoted,
    json,
    encodeURIComponent(fake),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("hex"),
  ];
}

function withoutQuoted(head: string): string | undefined {
  let bare = "";
  for (let at = 0; at < head.length; at++) {
    const isLineStart = bare === "" || bare.endsWith("\n");
    if (isLineStart && head[at] === "#") {
      const end = head.indexOf("\n", at);
      bare += "#";
      at = (end < 0 ? head.length : end) - 1;
    } else if (head[at] === "'") {
      const end = head.indexOf("'", at + 1);
      if (end < 0) return undefined;
      bare += "Q";
      at = end;
    } else if (head.startsWith("\\'", at)) {
      bare += "q";
      at++;
    } else if (head.startsWith("\\\n", at)) at++;
    else bare += head[at];
  }
  return bare.replace(/Q(qQ)+/g, "Q");
}

function refused(reason: string): Lint {
  return { status: "refused", reason };
}
