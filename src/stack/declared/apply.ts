import { oneLine } from "../../base/text.ts";
import { maskArgs } from "../credentials.ts";
import { textOf } from "../formats.ts";
import { capabilityName, isCapability } from "./capabilities.ts";
import type { Directive } from "./directive.ts";
import type { Draft, Source } from "./draft.ts";
import { cpusOf, mebibytesOf, pidsOf } from "./limits.ts";
import { mountOf, resourceOf, volumeOf, type WrittenMount } from "./mounts.ts";
import { startCommandsOf } from "./startCommands.ts";
import { unmarked } from "./variables.ts";
import { HOST_VALUE, whyNot } from "./whyNot.ts";

/** Takes one directive into the draft. What it cannot take becomes a row of `unrepeatable`. */
export function applyDirective(draft: Draft, from: Source, directive: Directive): void {
  const { name, value, place } = directive;
  const row: Row = (why, what = label(directive), unread) =>
    void draft.unrepeatable.push(unread === undefined ? { what, why } : { what, why, unread });
  const declaredAt = `${from.file}#${place}`;
  draft.startCommands.push(...startCommandsOf(name, value));
  switch (name) {
    case "env":
      return applyEnv(draft, from, directive, row);
    case "mount":
    case "workspaceMount":
      return value === "" || value === null ? undefined : applyMount(draft, from, mountOf(value), directive, row);
    case "volume":
      return applyMount(draft, from, volumeOf(textOf(value) ?? ""), directive, row);
  }
  const word = wordOf(value, from);
  if (word.status === "no-word") return row(whyNot(name));
  if (word.status === "unknown") return row(`${word.variable} ${HOST_VALUE}`, undefined, "anything");
  const { text } = word;
  switch (name) {
    case "cap-add":
    case "cap-drop":
      if (!isCapability(text)) return row("no capability that is known here");
      (name === "cap-add" ? draft.added : draft.dropped).push(capabilityName(text));
      return;
    case "privileged":
      if (!isTrue(text)) return;
      draft.loosened.add("privileged");
      return row("the host's devices are never given to a target; capabilities and the missing filter are repeated");
    case "security-opt":
      return applySecurity(draft, text, row);
    case "read-only":
      draft.readOnlyRoot = isTrue(text);
      return;
    case "user":
      draft.user = text;
      return;
    case "workdir":
      draft.workdir = text;
      return;
    case "runtime":
      draft.runtime = text;
      return;
    case "network":
      return applyNetwork(draft, text, row);
    case "pid":
    case "ipc":
    case "uts":
    case "userns":
    case "cgroupns":
      return applyNamespace(draft, name, text, row);
    case "tmpfs": {
      const [path = ""] = text.split(":");
      if (!path.startsWith("/")) return row("its target is no absolute path");
      draft.resources.push({ kind: "volume", source: "tmpfs", path, mode: "rw", declaredAt });
      return;
    }
    case "device": {
      const [source = "", path] = text.split(":");
      if (!source.startsWith("/")) return row("not in a form that is known");
      draft.resources.push({ kind: "device", source, path: path ?? source, mode: "rw", declaredAt });
      return;
    }
    case "gpus":
      draft.resources.push({ kind: "device", source: `gpus ${text}`, path: "gpus", mode: "rw", declaredAt });
      return row(whyNot(name));
    case "memory":
    case "cpus":
    case "pids-limit":
      return applyLimit(draft, name, text, row);
    default:
      return row(whyNot(name));
  }
}

type Row = (why: string, what?: string, unread?: "a mount" | "anything") => void;

type Word = { status: "word"; text: string } | { status: "unknown"; variable: string } | { status: "no-word" };

/** A number and a truth value are words too, as every reader of these files has it. */
function wordOf(value: unknown, from: Source): Word {
  if (typeof value === "number" || typeof value === "boolean") return { status: "word", text: String(value) };
  if (typeof value !== "string") return { status: "no-word" };
  const expanded = from.expand(value);
  return expanded.status === "known" ? { status: "word", text: expanded.text } : expanded;
}

function isTrue(text: string): boolean {
  return /^(true|1|t)$/i.test(text.trim());
}

function applySecurity(draft: Draft, option: string, row: Row): void {
  const [name = "", value = ""] = option.split(/[=:](.*)/s);
  const mac = "mandatory access control is the host's and is not repeated";
  if (name === "no-new-privileges") draft.noNewPrivileges = value !== "false";
  else if (name === "seccomp" && value === "unconfined") draft.loosened.add("seccomp-unconfined");
  else if (name === "seccomp") row("a filter of the stack's own: our strict one takes its place");
  else if (name === "apparmor" || name === "label") {
    if (name === "apparmor" && value === "unconfined") draft.loosened.add("apparmor-unconfined");
    if (name === "label" && value === "disable") draft.loosened.add("label-disabled");
    row(mac);
  } else if (name === "systempaths" && value === "unconfined") {
    draft.loosened.add("systempaths-unconfined");
    row("the kernel's files that an engine masks are masked in every room of ours");
  } else row(whyNot("security-opt"));
}

function applyNetwork(draft: Draft, text: string, row: Row): void {
  draft.network = text === "none" ? "none" : "has-network";
  if (text === "host") draft.loosened.add("host-network");
  else draft.loosened.delete("host-network");
  if (text !== "none") row("a target never shares a network of the machine");
}

function applyNamespace(draft: Draft, name: "pid" | "ipc" | "uts" | "userns" | "cgroupns", text: string, row: Row) {
  if (text === "private" || text === "") return;
  if (text === "host") draft.loosened.add(`host-${name}`);
  row(text === "host" ? "a namespace of the host is never given to a target" : "another container is not here");
}

function applyLimit(draft: Draft, name: "memory" | "cpus" | "pids-limit", text: string, row: Row): void {
  const value = name === "memory" ? mebibytesOf(text) : name === "cpus" ? cpusOf(text) : pidsOf(text);
  if (value === "unlimited") return;
  if (value === undefined) return row("no amount that is known here");
  draft.limits[LIMIT[name]] = value;
}

const LIMIT = { memory: "memoryMiB", cpus: "cpus", "pids-limit": "pids" } as const;

function applyEnv(draft: Draft, from: Source, { value, place }: Directive, row: Row): void {
  const [name, text] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof name !== "string" || typeof text !== "string") return row("no text", place);
  const what = `env ${oneLine(unmarked(name), 80)}`;
  if (!/^[^=\0\u{E000}]+$/u.test(name)) return row("no name of a variable", what);
  const expanded = from.expand(text);
  if (expanded.status === "known") draft.env[name] = expanded.text;
  else row(`${expanded.variable} ${HOST_VALUE}`, what);
}

function applyMount(
  draft: Draft,
  from: Source,
  mount: WrittenMount | undefined,
  directive: Directive,
  row: Row,
): void {
  const { place } = directive;
  const what = place.startsWith("/") ? `mount ${place}` : label(directive);
  if (mount === undefined) return row("not in a form that is known", what);
  const read = resourceOf(mount, from);
  if (read.status === "unrepeatable") return row(read.why, what, read.isUnknown === true ? "a mount" : undefined);
  draft.resources.push({ ...read.resource, declaredAt: `${from.file}#${place}` });
}

/** The directive as a person knows it. Values of keys that may hold a command or a secret are left out. */
function label({ name, value, place, key }: Directive): string {
  const text =
    typeof value === "string" || typeof value === "number" ? oneLine(unmarked(String(value)), 80) : undefined;
  if (key !== undefined) return text !== undefined && SHOWN.has(name) ? `${key}: ${text}` : key;
  if (place.startsWith("/") && !place.startsWith("/runArgs") && name !== "security-opt") return name;
  return value === true ? `--${name}` : `--${name}=${oneLine(maskArgs([text ?? typeof value]).args.join(), 80)}`;
}

/** Keys of a compose file whose value says nothing private. */
const SHOWN = new Set(
  "security-opt network pid ipc uts userns cgroupns cap-add cap-drop memory cpus pids-limit".split(" "),
);
