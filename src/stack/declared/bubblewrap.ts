import { posix } from "node:path";
import { oneLine } from "../../base/text.ts";
import type { Roots } from "../reader.ts";
import type { Declared } from "../stack.ts";
import { type BwrapOption, bwrapOptions } from "./bwrapOptions.ts";
import { capabilityName, isCapability, namesOf } from "./capabilities.ts";
import type { Command } from "./commandFile.ts";
import { type Draft, newDraft, workspaceIn } from "./draft.ts";
import { bindInto, cover, type Place } from "./hostPaths.ts";
import { isAgentSocket } from "./mounts.ts";
import { expandMarked, unmarked } from "./variables.ts";
import { HOST_VALUE } from "./whyNot.ts";

/**
 * The options of bwrap (bwrap(1)). It starts from nothing: an empty root, the namespaces of the caller, no filter. What is not
 * unshared is the host's own. Whoever starts it is a person's user, so no capability is there that is not added.
 */
export function readBubblewrap(command: Command, file: string, original: Roots): Declared {
  const draft = newDraft();
  const { options, unknown, command: program } = bwrapOptions(command);
  const place: Place = {
    draft,
    from: { file, base: original.workspace, original, expand: expandMarked },
    declaredAt: `${file}#L${command.line}`,
  };
  const state: State = { uid: 1000, gid: 1000, hasFilter: false, capabilities: new Set(), home: original.home };
  for (const option of options) applyOption(place, state, option);
  const row = (what: string, why: string, more: { unread?: "anything" } = {}) =>
    void draft.unrepeatable.push({ what, why, ...more });
  for (const word of unknown)
    row(oneLine(unmarked(word), 60), "no option of bwrap that is known here", { unread: "anything" });
  if (program.length > 0) row("command", "what it runs is not run here: our own first process takes its place");
  addNamespaces(draft, options);
  if (!options.some(({ name }) => name === "clearenv")) row("environment", "the person's own variables are not read");
  if (!state.hasFilter) draft.loosened.add("seccomp-unconfined");
  if (!draft.isMachineRoot && !options.some(({ name, values }) => /bind/.test(name) && values[1] === "/"))
    row("root", "bwrap's is empty but for what it binds; an image of ours is what the guest stands on");
  return {
    kind: "bubblewrap",
    declaredAt: `${file}:${command.line}`,
    workspacePath: workspaceIn(draft, original),
    homePath: state.home,
    user: { name: "user", uid: state.uid, gid: state.gid },
    network: draft.network,
    capabilities: [...state.capabilities].toSorted(),
    noNewPrivileges: true,
    seccomp: state.hasFilter ? "default" : "none",
    readOnlyRoot: draft.readOnlyRoot,
    loosened: [...draft.loosened].toSorted(),
    isMachineRoot: draft.isMachineRoot,
    limits: {},
    resources: draft.resources,
    env: draft.env,
    unrepeatable: draft.unrepeatable,
  };
}

type State = { uid: number; gid: number; hasFilter: boolean; capabilities: Set<string>; home: string };

function applyOption(place: Place, state: State, { name, values }: BwrapOption): void {
  const { draft, from } = place;
  const row = (why: string, unread?: "a mount" | "anything"): void => {
    const shown = name === "setenv" ? values.slice(0, 1) : values;
    const what = oneLine(unmarked(`--${name} ${shown.join(" ")}`).trim(), 100);
    draft.unrepeatable.push(unread === undefined ? { what, why } : { what, why, unread });
  };
  const words: string[] = [];
  if (/bind/.test(name) && isAgentSocket(values[0] ?? "")) return bindAgentSocket(place, values[1] ?? "", row);
  for (const value of values) {
    const expanded = from.expand(value);
    if (expanded.status === "unknown")
      return row(`${expanded.variable} ${HOST_VALUE}`, /bind/.test(name) ? "a mount" : undefined);
    words.push(expanded.text);
  }
  const [first = "", second = ""] = words;
  switch (name) {
    case "bind":
    case "bind-try":
      return bindInto(place, { source: first, path: second, mode: "rw" }, row);
    case "ro-bind":
    case "ro-bind-try":
      return bindInto(place, { source: first, path: second, mode: "ro" }, row);
    case "dev-bind":
    case "dev-bind-try":
      return bindInto(place, { source: first, path: second, mode: "rw", hasDevices: true }, row);
    case "tmpfs":
    case "dir":
      return cover(place, first, name, row);
    case "proc":
    case "dev":
      return posix.normalize(first) === `/${name}` ? undefined : row("every room of ours has it at its usual place");
    case "uid":
    case "gid":
      if (!/^\d{1,9}$/.test(first)) return row("no number");
      state[name] = Number(first);
      return;
    case "args":
      return row("a descriptor of whoever starts it is not here: the options in it are not known", "anything");
    case "setenv":
      draft.env[first] = second;
      if (first === "HOME" && second.startsWith("/")) state.home = posix.normalize(second);
      return;
    case "unsetenv":
      delete draft.env[first];
      return;
    case "clearenv":
      draft.env = {};
      return;
    case "chdir":
      draft.workdir = first;
      return;
    case "cap-add":
    case "cap-drop": {
      if (!isCapability(first)) return row("no capability that is known here");
      for (const each of namesOf(capabilityName(first)))
        if (name === "cap-add") state.capabilities.add(each);
        else state.capabilities.delete(each);
      return;
    }
    case "seccomp":
    case "add-seccomp-fd":
      state.hasFilter = true;
      return row("a filter of the stack's own is not in the file: our strict one takes its place");
    default:
      return SILENT.has(name) ? undefined : row(WHY[name] ?? "not repeated in a target of this release");
  }
}

/** Its value need not be known to know what it is; where it is bound to must be. */
function bindAgentSocket({ draft, from, declaredAt }: Place, written: string, row: (why: string) => void): void {
  const target = from.expand(written);
  if (target.status === "unknown") return row(`${target.variable} ${HOST_VALUE}`);
  const path = posix.normalize(target.text);
  draft.resources.push({ kind: "agent-socket", source: "${SSH_AUTH_SOCK}", path, mode: "rw", declaredAt });
}

/** What every room of ours has too, or what is counted among the namespaces. */
const SILENT = new Set(
  "new-session die-with-parent as-pid-1 share-net unshare-all unshare-user unshare-user-try unshare-ipc unshare-pid unshare-net unshare-uts unshare-cgroup unshare-cgroup-try".split(
    " ",
  ),
);

const DESCRIPTOR = "a descriptor of whoever starts it is not here";
const WHY: Readonly<Record<string, string>> = {
  userns: DESCRIPTOR,
  userns2: DESCRIPTOR,
  pidns: DESCRIPTOR,
  "sync-fd": DESCRIPTOR,
  "info-fd": DESCRIPTOR,
  file: DESCRIPTOR,
  "bind-fd": DESCRIPTOR,
  "ro-bind-fd": DESCRIPTOR,
  "bind-data": DESCRIPTOR,
  "ro-bind-data": DESCRIPTOR,
  symlink: "a link in a root that is ours",
  hostname: "names of the machine are ours",
  overlay: "layers of the host's directories are not here",
  "overlay-src": "layers of the host's directories are not here",
};

const NAMESPACES = { pid: "pid", ipc: "ipc", uts: "uts", net: "network", cgroup: "cgroupns" } as const;

/** In the order of the line: a later `--share-net` takes the network back out of `--unshare-all`. */
function addNamespaces(draft: Draft, options: readonly BwrapOption[]): void {
  const own = new Set<string>();
  for (const { name } of options) {
    if (name === "unshare-all") for (const each of Object.keys(NAMESPACES)) own.add(each);
    else if (name === "share-net") own.delete("net");
    else if (name.startsWith("unshare-")) own.add(name.slice("unshare-".length).replace(/-try$/, ""));
  }
  draft.network = own.has("net") ? "none" : "has-network";
  for (const [name, loosened] of Object.entries(NAMESPACES)) {
    if (own.has(name)) continue;
    draft.loosened.add(`host-${loosened}`);
    draft.unrepeatable.push({
      what: `no --unshare-${name}`,
      why: "a namespace of the host is never given to a target",
    });
  }
}
