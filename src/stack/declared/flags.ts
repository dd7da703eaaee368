import { textOf } from "../formats.ts";
import type { Directive } from "./directive.ts";
import { marked } from "./variables.ts";

/** Flags of `docker run` and `podman run` that stand alone. Every other one takes the next word as its value. */
const ALONE = new Set(
  "privileged read-only init rm interactive tty detach publish-all oom-kill-disable no-healthcheck sig-proxy quiet replace env-host http-proxy no-hosts no-hostname read-only-tmpfs rmi rootfs tls-verify passwd use-api-socket disable-content-trust help".split(
    " ",
  ),
);

const SHORT: Readonly<Record<string, string>> = {
  v: "volume",
  e: "env",
  u: "user",
  p: "publish",
  P: "publish-all",
  w: "workdir",
  h: "hostname",
  l: "label",
  m: "memory",
  c: "cpu-shares",
  i: "interactive",
  t: "tty",
  d: "detach",
  q: "quiet",
  a: "attach",
};
const ALIAS: Readonly<Record<string, string>> = {
  net: "network",
  "net-alias": "network-alias",
  cgroupns: "cgroupns",
  "security-option": "security-opt",
};

/** A list of words that holds nothing but flags, as `runArgs` does. A word that is no flag is a row of its own. */
export function flagsOf(words: readonly unknown[], placeOf: (index: number) => string): Directive[] {
  const found: Directive[] = [];
  for (let i = 0; i < words.length; ) {
    const read = readFlag(words, i, placeOf(i));
    if (read === undefined) found.push({ name: "runArgs", value: words[i], place: placeOf(i) });
    else found.push(...read.directives);
    i = read?.next ?? i + 1;
  }
  return found;
}

/** The flag at an index with the words it takes; undefined for a word that is none. `-it` is two. */
export function readFlag(
  words: readonly unknown[],
  index: number,
  place: string,
): { directives: Directive[]; next: number } | undefined {
  const flags = partsOf(textOf(words[index]) ?? "");
  const last = flags?.at(-1);
  if (flags === undefined || last === undefined) return undefined;
  const takesNext = last.value === undefined && !ALONE.has(last.name);
  const directives = flags.map(({ name, value }, i): Directive => {
    const isLast = i === flags.length - 1;
    const given = isLast && takesNext ? (words[index + 1] ?? "") : (value ?? true);
    return name === "env" ? assignmentOf(given, place) : { name, value: given, place };
  });
  return { directives, next: index + (takesNext ? 2 : 1) };
}

type Part = { name: string; value: string | undefined };

/** `--name`, `--name=value`, `-v value`, `-v=value`, `-vvalue`, `-it`, `-itv value`. */
function partsOf(word: string): Part[] | undefined {
  const long = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(word);
  if (long !== null) return [{ name: ALIAS[long[1] ?? ""] ?? long[1] ?? "", value: long[2] }];
  if (!/^-[A-Za-z]/.test(word)) return undefined;
  const parts: Part[] = [];
  for (let i = 1; i < word.length; i++) {
    const name = SHORT[word[i] ?? ""];
    if (name === undefined) return undefined;
    if (ALONE.has(name)) {
      parts.push({ name, value: undefined });
      continue;
    }
    const rest = word.slice(i + 1).replace(/^=/, "");
    return [...parts, { name, value: rest === "" ? undefined : rest }];
  }
  return parts;
}

/** `NAME=value`; a bare `NAME` takes the value from the host's environment, which is written as a reference to it. */
function assignmentOf(given: unknown, place: string): Directive {
  const text = textOf(given) ?? "";
  const at = text.indexOf("=");
  return { name: "env", value: at < 0 ? [text, marked(text)] : [text.slice(0, at), text.slice(at + 1)], place };
}
