import { oneLine } from "../../base/text.ts";
import { entries, field, textOf } from "../formats.ts";
import type { Roots } from "../reader.ts";
import type { Declared } from "../stack.ts";
import { newDraft } from "./draft.ts";
import { bindInto, type Place } from "./hostPaths.ts";
import { below, classify, hostPath } from "./mounts.ts";

/** Settings of the sandbox runtime, wherever they were found. */
export type SrtSettings = {
  declaredAt: string;
  content: Readonly<Record<string, unknown>>;
  /** What their own file says and the tool is not told. */
  notFollowed: { what: string; why: string }[];
};

/**
 * A command confined by @anthropic-ai/sandbox-runtime (its sandbox-config schema, 0.0.83): the person's own machine, read-only but
 * for the places that the settings open, without a network but for a proxy by name. The settings themselves go to the driver
 * that runs the same tool; the resources are what a sandbox that stands in its place can repeat of them.
 */
export function readSrt({ declaredAt, content, notFollowed }: SrtSettings, original: Roots): Declared {
  const draft = newDraft();
  const place: Place = {
    draft,
    from: { file: declaredAt, base: original.workspace, original, expand: (text) => ({ status: "known", text }) },
    declaredAt: `${declaredAt}#/filesystem`,
  };
  const row = (what: string, why: string) => void draft.unrepeatable.push({ what: oneLine(what, 100), why });
  const isOpen = field(content, "filesystem", "disabled") === true;
  bindInto(place, { source: "/", path: "/", mode: isOpen ? "rw" : "ro" }, (why) => row("the machine's root", why));
  if (!isOpen) applyFilesystem(place, content, row);
  applyNetwork(place, content, row);
  for (const [key, value] of entries(content)) applyTop(key, value, row);
  row("environment", "the person's own variables are not read");
  draft.unrepeatable.push(...notFollowed);
  return {
    kind: "srt",
    settings: content,
    declaredAt,
    workspacePath: original.workspace,
    homePath: original.home,
    user: { name: "user", uid: 1000, gid: 1000 },
    network: draft.network,
    capabilities: [],
    noNewPrivileges: true,
    seccomp: draft.loosened.has("seccomp-unconfined") ? "none" : "default",
    readOnlyRoot: draft.readOnlyRoot,
    loosened: [...draft.loosened],
    isMachineRoot: true,
    limits: {},
    resources: draft.resources,
    env: {},
    unrepeatable: draft.unrepeatable,
  };
}

type Row = (what: string, why: string) => void;

const FILE_KEYS = new Set(["disabled", "allowWrite", "denyWrite", "denyRead", "allowRead", "allowGitConfig"]);

/** In the order in which the tool lays them over each other: what is open, what is closed in it, what is not seen, what of that is. */
function applyFilesystem(place: Place, content: unknown, row: Row): void {
  const table = field(content, "filesystem");
  for (const [key] of entries(table))
    if (!FILE_KEYS.has(key)) row(`filesystem.${key}`, "no setting that is known here");
  const each = (key: string, take: (path: string) => void): void => {
    const list = field(table, key);
    if (list === undefined) return;
    if (!Array.isArray(list)) return row(`filesystem.${key}`, "no list");
    for (const [i, entry] of (list as unknown[]).entries()) {
      const path = textOf(entry) ?? textOf(field(entry, "path"));
      const isLiteral = field(entry, "literal") === true;
      const what = `filesystem.${key}/${i} ${path ?? ""}`.trim();
      if (path === undefined) row(what, "no path");
      else if (!isLiteral && /[*?[\]{}]/.test(path.replace(/\/\*\*$/, "")))
        row(what, "a pattern is the tool's own to unfold: only its driver repeats it");
      else take(hostPath(path.replace(/\/\*\*$/, ""), place.from));
    }
  };
  const bind = (mode: "ro" | "rw", key: string) => (path: string) =>
    bindInto(place, { source: path, path, mode }, (why) => row(`filesystem.${key} ${path}`, why));
  each("allowWrite", bind("rw", "allowWrite"));
  each("denyWrite", bind("ro", "denyWrite"));
  each("denyRead", (path) => hide(place, path));
  each("allowRead", bind("ro", "allowRead"));
}

/** Of the stack only home and workspace are in the room: hiding anything else hides what is not there. */
function hide({ draft, from, declaredAt }: Place, path: string): void {
  const { logical } = classify(path, from.original);
  if (logical === undefined || path === from.original.workspace || path === from.original.home) {
    draft.unrepeatable.push({ what: `filesystem.denyRead ${oneLine(path, 80)}`, why: "not in the room in any case" });
    return;
  }
  draft.resources = draft.resources.filter((resource) => below(resource.path, path) === undefined);
  draft.resources.push({ kind: "hidden", source: path, path, mode: "ro", logical, declaredAt });
}

/** Settings of the proxy that a room without a network has no use for, and those of other systems. */
const NETWORK_WHY: Readonly<Record<string, string>> = {
  deniedDomains: "the tool's own proxy follows it; no name of these is tried",
  allowLocalBinding: "a room has a loopback of its own",
  allowMachLookup: "of macOS alone",
};

function applyNetwork({ draft, from, declaredAt }: Place, content: unknown, row: Row): void {
  const table = field(content, "network");
  draft.network = "none";
  for (const [key, value] of entries(table)) {
    if (key === "allowedDomains") {
      const names = Array.isArray(value) ? (value as unknown[]) : [value];
      if (names.length === 0) continue;
      draft.network = "has-network";
      row(
        `network.allowedDomains (${names.length})`,
        "a target reaches none of them: what the proxy lets through is tried on a simulated internet, where that can be had",
      );
    } else if (key === "allowAllUnixSockets") {
      // The tool's only filter is the one that holds back sockets.
      if (value === true) draft.loosened.add("seccomp-unconfined");
    } else if (key === "allowUnixSockets" && Array.isArray(value)) {
      for (const socket of value as unknown[]) {
        const path = typeof socket === "string" ? hostPath(socket, from) : undefined;
        const kind = path === undefined ? undefined : classify(path, from.original).kind;
        if (path !== undefined && (kind === "engine-socket" || kind === "agent-socket"))
          draft.resources.push({ kind, source: path, path, mode: "rw", declaredAt });
        else row(`network.allowUnixSockets ${path ?? typeof socket}`, "no socket that has a stand-in");
      }
    } else
      row(
        `network.${key}`,
        NETWORK_WHY[key] ?? "a setting of the tool's proxy, which a room without a network has not got",
      );
  }
}

const TOP_WHY: Readonly<Record<string, string>> = {
  credentials: "every credential of the stack is a fake here already",
  ignoreViolations: "tells what the tool reports, and opens nothing",
  enableWeakerNestedSandbox: "a sandbox that is weaker inside a container: ours is not in one",
};

function applyTop(key: string, value: unknown, row: Row): void {
  if (key === "network" || key === "filesystem") {
    if (entries(value).length === 0 && !(typeof value === "object" && value !== null)) row(key, "no table");
    return;
  }
  row(key, TOP_WHY[key] ?? "a setting for the tool's own driver alone");
}
