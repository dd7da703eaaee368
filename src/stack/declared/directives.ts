import { entries, field, pointer, textOf, textsOf } from "../formats.ts";

/**
 * One thing that a devcontainer.json asks of the engine, whichever of the three ways it is written: a key of its own
 * (`capAdd`), a `docker run` flag (`runArgs`), or a mount. Every key of the file becomes a directive; none is dropped.
 */
export type Directive = {
  /** Long form of the flag without dashes, `cap-add`, or the key of the file when there is no such flag. */
  name: string;
  /** A mount may be an object; a flag without value is `true`. */
  value: unknown;
  /** JSON pointer in the file. */
  place: string;
};

export function directivesOf(file: unknown): Directive[] {
  return entries(file).flatMap(([key, value]) => {
    const place = pointer(key);
    switch (key) {
      case "runArgs":
        return flagsOf(textsOf(value), place);
      case "mounts":
        return each(value, place, "mount");
      case "capAdd":
        return each(value, place, "cap-add");
      case "capDrop":
        return each(value, place, "cap-drop");
      case "securityOpt":
        return each(value, place, "security-opt");
      case "containerEnv":
      case "remoteEnv":
        return entries(value).map(([name, text]) => ({
          name: "env",
          value: [name, text],
          place: pointer(key, name),
        }));
      default:
        return [{ name: key, value, place }];
    }
  });
}

function each(value: unknown, place: string, name: string): Directive[] {
  return Array.isArray(value) ? value.map((item: unknown, i) => ({ name, value: item, place: `${place}/${i}` })) : [];
}

/** Flags of `docker run` that stand alone. Every other one takes the next word as its value. */
const ALONE = new Set(
  "privileged read-only init rm interactive tty detach publish-all oom-kill-disable no-healthcheck sig-proxy quiet".split(
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
const ALIAS: Readonly<Record<string, string>> = { net: "network", "net-alias": "network-alias" };

function flagsOf(args: readonly string[], place: string): Directive[] {
  const found: Directive[] = [];
  for (let i = 0; i < args.length; i++) {
    const at = `${place}/${i}`;
    const parsed = flagOf(args[i] ?? "");
    if (parsed === undefined) {
      found.push({ name: "runArgs", value: args[i], place: at });
    } else if (parsed.value !== undefined || ALONE.has(parsed.name)) {
      found.push({ name: parsed.name, value: parsed.value ?? true, place: at });
    } else {
      found.push({ name: parsed.name, value: args[++i] ?? "", place: at });
    }
  }
  return found.flatMap((directive) => (directive.name === "env" ? [assignmentOf(directive)] : [directive]));
}

/** `--name`, `--name=value`, `-v value`, `-v=value`, `-vvalue`, `-it`. Undefined for a word that is no flag. */
function flagOf(word: string): { name: string; value: string | undefined } | undefined {
  const long = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(word);
  if (long !== null) return { name: ALIAS[long[1] ?? ""] ?? long[1] ?? "", value: long[2] };
  const short = /^-([A-Za-z])(?:=?(.+))?$/s.exec(word);
  const name = SHORT[short?.[1] ?? ""];
  if (short === null || name === undefined) return undefined;
  return { name, value: ALONE.has(name) ? undefined : short[2] };
}

/** `NAME=value`; a bare `NAME` takes the value from the host's environment, which is written as a reference to it. */
function assignmentOf(directive: Directive): Directive {
  const text = textOf(directive.value) ?? "";
  const at = text.indexOf("=");
  const pair = at < 0 ? [text, `\${localEnv:${text}}`] : [text.slice(0, at), text.slice(at + 1)];
  return { ...directive, value: pair };
}

/** The text at a key of the file's top, or undefined. */
export function topText(file: unknown, key: string): string | undefined {
  return textOf(field(file, key));
}
