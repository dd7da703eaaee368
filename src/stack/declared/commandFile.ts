import { posix } from "node:path";
import { type ParseEntry, parse } from "shell-quote";
import { OperatorError } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import type { Roots, StackReader } from "../reader.ts";
import { unusable } from "./parsed.ts";
import { conventional, marked } from "./variables.ts";

/**
 * Command lines that stand in a file of the workspace: a shell script, a Makefile, or nothing but arguments. They are taken apart
 * into words and never run; of variables only a few have a value (`conventional`), the others become marks.
 */
export type Command = {
  tool: "docker-run" | "bubblewrap";
  /** Of the engine's or of bwrap's own options and what follows, without the program's name. */
  words: string[];
  /** From 1. */
  line: number;
};

const LINE_CHARACTERS_MAX = 64 * 1024;
const LINES_JOINED_MAX = 300;

export async function commandsIn(reader: StackReader, file: string, original: Roots): Promise<Command[]> {
  const text = await reader.text(file);
  if (text === undefined) throw unusable(reader, file, "is not there");
  return commandsOf(text, { file, original });
}

export function commandsOf(text: string, place: { file: string; original: Roots }): Command[] {
  const isMakefile = /^(GNU)?[Mm]akefile$|\.mk$/.test(posix.basename(place.file));
  const source = isMakefile ? withoutMake(text) : text;
  if (source.includes("\0")) return [];
  const lines = logicalLines(source);
  const found = lines.flatMap(({ text: line, line: number }) =>
    // Most lines of a script are none of ours, and taking words apart is not free.
    TOOLS.test(line) ? commandsInLine(wordsOf(line, place), number) : [],
  );
  return found.length > 0 ? found : argumentsOnly(lines, place);
}

const TOOLS = /\b(docker|podman|nerdctl|bwrap)\b/;
const ENGINES = new Set(["docker", "podman", "nerdctl"]);
const BWRAP_ONLY = /^--(ro-bind|dev-bind|bind|unshare-[a-z-]+|die-with-parent|share-net|symlink|proc)(-try)?$/;

/** Every `docker run`, `podman container run` and `bwrap` of a line, wherever in it; options of the engine itself may stand between. */
function commandsInLine(entries: readonly ParseEntry[], line: number): Command[] {
  const found: Command[] = [];
  for (let i = 0; i < entries.length; i++) {
    const program = posix.basename(textOf(entries[i]) ?? "");
    if (program === "bwrap") found.push({ tool: "bubblewrap", words: untilOperator(entries, i + 1), line });
    if (!ENGINES.has(program)) continue;
    const words = untilOperator(entries, i + 1);
    const run = words.findIndex((word) => word === "run" || word === "create");
    const isOwn = run >= 0 && words.slice(0, run).every(isGlobalOption);
    if (isOwn) found.push({ tool: "docker-run", words: words.slice(run + 1), line });
  }
  return found;
}

/** `docker --context x container run`: options with their values, and `container`. */
function isGlobalOption(word: string, index: number, before: readonly string[]): boolean {
  return word === "container" || word.startsWith("-") || (before[index - 1]?.startsWith("-") ?? false);
}

function untilOperator(entries: readonly ParseEntry[], start: number): string[] {
  const words: string[] = [];
  for (const entry of entries.slice(start)) {
    const text = textOf(entry);
    if (text === undefined) break;
    words.push(text);
  }
  return words;
}

/** A pattern is a word that a shell would look up, and is taken as it is written. */
function textOf(entry: ParseEntry | undefined): string | undefined {
  if (typeof entry === "string") return entry;
  return entry !== undefined && "pattern" in entry ? entry.pattern : undefined;
}

/** A file that holds options alone, one or several a line. */
function argumentsOnly(lines: readonly Line[], place: { file: string; original: Roots }): Command[] {
  const words = lines.flatMap(({ text }) => untilOperator(wordsOf(text, place), 0));
  const [first] = words;
  if (first === undefined || !first.startsWith("-")) return [];
  const tool = words.some((word) => BWRAP_ONLY.test(word)) ? "bubblewrap" : "docker-run";
  return [{ tool, words, line: 1 }];
}

function wordsOf(line: string, { file, original }: { file: string; original: Roots }): ParseEntry[] {
  if (line.length > LINE_CHARACTERS_MAX)
    throw new OperatorError(`${file}: a command line of ${line.length} characters`, "name another file");
  const known = { original, pwd: original.workspace };
  const commands: string[] = [];
  const plain = substitutions(line, commands);
  try {
    const entries = parse(plain, (name) => {
      const command = commands[Number(/^__command_(\d+)$/.exec(name)?.[1] ?? "NaN")];
      if (command !== undefined) return marked(`$(${command})`);
      return conventional(name, known) ?? withDefault(name, known);
    });
    // A shell puts the home in where a word begins with it.
    return entries.map((entry) =>
      typeof entry === "string" ? entry.replace(/^~(?=[/:]|$)/, () => original.home) : entry,
    );
  } catch (thrown) {
    if (!(thrown instanceof Error) || !thrown.message.startsWith("Bad substitution")) throw thrown;
    throw new OperatorError(`${file}: ${oneLine(thrown.message, 120)}`, "correct the command line", {
      cause: thrown,
    });
  }
}

/** `${NAME:-word}` has a value that stands here. */
function withDefault(name: string, known: { original: Roots; pwd: string }): string {
  const [, variable = "", word] = /^([A-Za-z_]\w*):?-([^$`]*)$/s.exec(name) ?? [];
  return word === undefined ? marked(name) : (conventional(variable, known) ?? word);
}

/** The commands inside a command: those that ask for the directory or the user are known, any other is not run. */
function substitutions(line: string, commands: string[]): string {
  return line.replace(/\$\(((?:[^()]|\([^()]*\))*)\)|`([^`]*)`/g, (_whole, inner?: string, ticks?: string) => {
    const command = (inner ?? ticks ?? "").trim().replace(/\s+/g, " ").replaceAll('"', "");
    if (/^(pwd( -P)?|git rev-parse --show-toplevel|realpath \.)$/.test(command)) return "${PWD}";
    if (/^id -(u|g|ru|rg)$/.test(command)) return "${UID}";
    return `\${__command_${commands.push(command.slice(0, 60)) - 1}}`;
  });
}

type Line = { text: string; line: number };

/** Lines with their continuations joined, and those joined that an open quote holds together. Comments are left to the parser. */
export function logicalLines(text: string): Line[] {
  const lines: Line[] = [];
  const physical = text.split(/\r?\n/);
  for (let i = 0; i < physical.length; ) {
    const line = i + 1;
    let joined = physical[i++] ?? "";
    while (i < physical.length && joined.length < LINE_CHARACTERS_MAX && i - line < LINES_JOINED_MAX) {
      if (isContinued(joined)) joined = `${joined.slice(0, -1)} ${physical[i++] ?? ""}`;
      else if (TOOLS.test(joined) && isQuoteOpen(joined)) joined = `${joined}\n${physical[i++] ?? ""}`;
      else break;
    }
    lines.push({ text: joined, line });
  }
  return lines;
}

function isContinued(line: string): boolean {
  return (/\\+$/.exec(line)?.[0].length ?? 0) % 2 === 1 && !/^\s*#/.test(line);
}

function isQuoteOpen(line: string): boolean {
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? "";
    if (c === "\\" && quote !== "'") i++;
    else if (quote === "" && c === "#" && /(^|\s)$/.test(line.slice(Math.max(0, i - 1), i))) i = lineEnd(line, i);
    else if (quote === "" && (c === "'" || c === '"')) quote = c;
    else if (c === quote) quote = "";
  }
  return quote !== "";
}

function lineEnd(text: string, from: number): number {
  const at = text.indexOf("\n", from);
  return at < 0 ? text.length : at;
}

/** `$$` is the shell's `$`, and `$(CURDIR)` or `$(PWD)` the directory; other variables of make are not known. Recipes begin with a mark of their own. */
function withoutMake(text: string): string {
  return text
    .replace(/\$\((CURDIR|PWD)\)|\$\{CURDIR\}/g, "${PWD}")
    .replace(/\$\(([A-Za-z_]\w*)\)/g, (_whole, name: string) => `\${${name}}`)
    .replaceAll("$$", () => "$")
    .replace(/^\t[@+-]+/gm, "\t");
}
