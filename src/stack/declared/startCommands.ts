import { type ParseEntry, parse } from "shell-quote";
import type { StartCommand } from "../stack.ts";

/** Keys whose commands run in the container before or while the agent works there. */
const AT_START = new Set(
  "onCreateCommand updateContentCommand postCreateCommand postStartCommand postAttachCommand post_start entrypoint command".split(
    " ",
  ),
);

const COMMANDS_MAX = 50;

/**
 * The simple commands of a directive's value, taken apart and never run: a line for a shell, a list of words, or an object of
 * either (containers.dev, lifecycle scripts). None for any other directive, and for a value of another form.
 */
export function startCommandsOf(name: string, value: unknown): StartCommand[] {
  if (!AT_START.has(name)) return [];
  return simpleCommands(value)
    .filter((words) => words.length > 0)
    .slice(0, COMMANDS_MAX)
    .map((words) => ({ name, words }));
}

function simpleCommands(value: unknown): string[][] {
  if (typeof value === "string") return ofLine(value);
  if (Array.isArray(value)) {
    const words = value.filter((word) => typeof word === "string");
    return words.length === value.length ? ofWords(words) : [];
  }
  if (typeof value === "object" && value !== null)
    return Object.values(value).flatMap((one) => (isLine(one) ? simpleCommands(one) : []));
  return [];
}

function isLine(value: unknown): boolean {
  return typeof value === "string" || Array.isArray(value);
}

/** A shell that is given a line is what stands in the line; one within another is not looked into. */
function ofWords(words: string[]): string[][] {
  const [shell = "", option = "", line] = words;
  const isShell = /(^|\/)(ba|da|z)?sh$/.test(shell) && /^-\w*c$/.test(option);
  return isShell && line !== undefined ? split(line) : [words];
}

function ofLine(line: string): string[][] {
  return split(line).flatMap(ofWords);
}

/** Of variables none has a value here; each stays as it is written. */
function split(line: string): string[][] {
  const commands: string[][] = [[]];
  for (const entry of parse(line, (name) => `$${name}`)) {
    const word = wordOf(entry);
    if (word === undefined) commands.push([]);
    else commands.at(-1)?.push(word);
  }
  return commands;
}

function wordOf(entry: ParseEntry): string | undefined {
  if (typeof entry === "string") return entry;
  return "pattern" in entry ? entry.pattern : undefined;
}
