import { oneLine } from "../../base/text.ts";
import { maskArgs } from "../credentials.ts";
import type { Declared } from "../stack.ts";
import { capabilityName } from "./capabilities.ts";
import type { Directive } from "./directives.ts";
import { mountOf, resourceOf, volumeOf, type WrittenMount } from "./mounts.ts";
import { expand, type Meaning } from "./variables.ts";

/** A Declared while it is being read. */
export type Draft = Pick<
  Declared,
  "network" | "noNewPrivileges" | "readOnlyRoot" | "env" | "resources" | "unrepeatable"
> & {
  file: string;
  meaning: Meaning;
  added: string[];
  dropped: string[];
  isPrivileged: boolean;
  isUnfiltered: boolean;
  /** Of `--user` and `containerUser`. */
  flagUser: string | undefined;
};

/** Takes one directive into the draft. What it cannot take becomes a row of `unrepeatable`. */
export function applyDirective(draft: Draft, { name, value, place }: Directive): void {
  const row = (why: string, what = label(name, value, place)): void => {
    draft.unrepeatable.push({ what, why });
  };
  switch (name) {
    // Read elsewhere, or grants nothing.
    case "name":
    case "$schema":
    case "workspaceFolder":
    case "remoteUser":
    case "containerUser":
      return;
    case "cap-add":
      draft.added.push(capabilityName(String(value)));
      return;
    case "cap-drop":
      draft.dropped.push(capabilityName(String(value)));
      return;
    case "privileged":
      if (value !== true && value !== "true") return;
      draft.isPrivileged = true;
      row("the host's devices are never given to a target; capabilities and the missing filter are repeated");
      return;
    case "security-opt":
      applySecurity(draft, String(value), row);
      return;
    case "read-only":
      draft.readOnlyRoot = value === true || value === "true";
      return;
    case "user":
      draft.flagUser = String(value);
      return;
    case "network":
      draft.network = value === "none" ? "none" : "has-network";
      if (value !== "none") row("a target never shares a network of the machine");
      return;
    case "env":
      applyEnv(draft, value, place, row);
      return;
    case "mount":
    case "workspaceMount":
      return value === "" || value === null ? undefined : applyMount(draft, mountOf(value), place, row);
    case "volume":
      return applyMount(draft, volumeOf(String(value)), place, row);
    case "tmpfs":
      draft.resources.push({
        kind: "volume",
        source: "tmpfs",
        path: String(value).split(":")[0] ?? "",
        mode: "rw",
        declaredAt: `${draft.file}#${place}`,
      });
      return;
    case "device":
      draft.resources.push({
        kind: "device",
        source: String(value).split(":")[0] ?? "",
        path: String(value).split(":")[1] ?? String(value),
        mode: "rw",
        declaredAt: `${draft.file}#${place}`,
      });
      return;
    default:
      row(WHY_NOT[name] ?? "not repeated in a target of this release");
  }
}

const HOST_NAMESPACE = "a namespace of the host is never given to a target";
const NEEDS_REGISTRY = "the image needs a registry or a build: an image of ours takes its place";
const NEEDS_NETWORK = "runs third-party code at start and mostly needs a network";

const WHY_NOT: Readonly<Record<string, string>> = {
  image: NEEDS_REGISTRY,
  build: NEEDS_REGISTRY,
  dockerFile: NEEDS_REGISTRY,
  context: NEEDS_REGISTRY,
  features: NEEDS_REGISTRY,
  dockerComposeFile: "services of a compose file are not read in this release: their mounts and flags are unknown",
  service: "services of a compose file are not read in this release",
  runServices: "services of a compose file are not read in this release",
  initializeCommand: "runs on the host itself, outside of any sandbox: never run here",
  onCreateCommand: NEEDS_NETWORK,
  updateContentCommand: NEEDS_NETWORK,
  postCreateCommand: NEEDS_NETWORK,
  postStartCommand: NEEDS_NETWORK,
  postAttachCommand: NEEDS_NETWORK,
  pid: HOST_NAMESPACE,
  ipc: HOST_NAMESPACE,
  uts: HOST_NAMESPACE,
  userns: HOST_NAMESPACE,
  cgroupns: HOST_NAMESPACE,
  "volumes-from": "the volumes of another container are not here",
  "env-file": "a file of the host's environment is not read",
  gpus: "a device of the host is never given to a target",
};

function applySecurity(draft: Draft, option: string, row: (why: string) => void): void {
  const [name = "", value = ""] = option.split(/[=:](.*)/s);
  if (name === "no-new-privileges") draft.noNewPrivileges = value !== "false";
  else if (name === "seccomp" && value === "unconfined") draft.isUnfiltered = true;
  else if (name === "seccomp") row("a filter of the stack's own: our strict one takes its place");
  else if (name === "apparmor" || name === "label") row("mandatory access control is the host's and is not repeated");
  else row("not repeated in a target of this release");
}

function applyEnv(draft: Draft, value: unknown, place: string, row: (why: string, what: string) => void): void {
  const [name, text] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof name !== "string" || typeof text !== "string") return row("no text", place);
  const expanded = expand(text, draft.meaning);
  if (expanded.status === "known") draft.env[name] = expanded.text;
  else row(`${expanded.variable} is a value of the host, which is not read`, `env ${oneLine(name, 80)}`);
}

function applyMount(
  draft: Draft,
  mount: WrittenMount | undefined,
  place: string,
  row: (why: string, what?: string) => void,
): void {
  const what = `mount ${place}`;
  if (mount === undefined) return row("not in a form that is known", what);
  const read = resourceOf(mount, draft.meaning);
  if (read.status === "unrepeatable") return row(read.why, what);
  draft.resources.push({ ...read.resource, declaredAt: `${draft.file}#${place}` });
}

/** The directive as a person knows it. Values of keys that may hold a command or a secret are left out. */
function label(name: string, value: unknown, place: string): string {
  if (!place.startsWith("/runArgs") && name !== "security-opt") return name;
  return value === true ? `--${name}` : `--${name}=${oneLine(maskArgs([String(value)]).args.join(), 80)}`;
}
