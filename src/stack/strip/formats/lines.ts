import type { Finder, Spot } from "../strip.ts";
import { plain } from "../value.ts";

/** Each line without its end, with where it starts. */
export function* lines(text: string): Generator<{ start: number; text: string; number: number }> {
  let start = 0;
  for (let number = 1; start <= text.length; number++) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    yield { start, text: text.slice(start, end).replace(/\r$/, ""), number };
    start = end + 1;
  }
}

/** `machine … login … password …`, on one line or many. */
export const netrc: Finder = (text) =>
  [...text.matchAll(/(?<=(?:^|\s)(?:password|account)[ \t\r\n]+)\S+/g)].map((match) =>
    spot(match.index, match[0], "password", `password at byte ${match.index}`),
  );

/** `host:port:database:user:password`, a colon inside written as `\:`. */
export const pgpass: Finder = (text) => fieldsByColon(text, 4, "password");

/** `user:hash` of htpasswd. */
export const htpasswd: Finder = (text) => fieldsByColon(text, 1, "password");

function fieldsByColon(text: string, before: number, kind: string): Spot[] {
  return [...lines(text)].flatMap(({ start, text: line, number }) => {
    const lead = new RegExp(`^(?:(?:\\\\.|[^:\\\\])*:){${before}}`).exec(line)?.[0];
    if (lead === undefined || line.startsWith("#") || lead.length === line.length) return [];
    return [spot(start + lead.length, line.slice(lead.length), kind, `line ${number}`)];
  });
}

/** A file that is one credential and nothing else, such as `~/.vault-token`. */
export const wholeFile: Finder = (text) => {
  const value = text.trim();
  return value === "" || /\s/.test(value) ? [] : [spot(text.indexOf(value), value, "token", "whole file")];
};

function spot(start: number, value: string, kind: string, place: string): Spot {
  return { ...plain(start, value, kind), place, by: "structure" };
}
