import type { SandboxSpec } from "../sandbox.ts";

/**
 * What is srt's settings file here: the one the agent uses, as it stands, or the strictest with which the spec's own mounts
 * are still what the spec says. Whether a file is a settings file is for srt to say, not for us.
 */
export function settingsOf(spec: SandboxSpec): Readonly<Record<string, unknown>> {
  return spec.settings ?? strictest(spec);
}

/** No host may be asked, and nothing is written to but what the spec makes writable and the temporary files. */
function strictest({ mounts, confinement }: SandboxSpec): Readonly<Record<string, unknown>> {
  const writable = mounts.flatMap((mount) => (mount.kind === "bind" && mount.mode === "ro" ? [] : [mount.path]));
  const paths = confinement.readOnlyRoot ? [...new Set(["/tmp", ...writable])] : ["/"];
  return {
    network: { allowedDomains: [], deniedDomains: [] },
    filesystem: {
      denyRead: [],
      allowWrite: paths.map((path) => ({ path, literal: true })),
      denyWrite: [],
    },
    // Nobody's project is in there: below the working directory, which may be the root, is nothing to look for.
    mandatoryDenySearchDepth: 1,
  };
}

/** Settings with which srt itself says that it confines less, by their place in its file. */
const WEAK: readonly { at: readonly string[]; why: string }[] = [
  { at: ["enableWeakerNestedSandbox"], why: "srt mounts no /proc of the sandbox's own" },
  {
    at: ["allowNestedUserNamespaces"],
    why: "in a user namespace of its own a program can take the write denies off",
  },
  { at: ["network", "allowAllUnixSockets"], why: "srt sets no system call filter" },
  { at: ["filesystem", "disabled"], why: "srt sets no rule about files" },
];

/** Those that are on. What srt does not read on Linux (its settings for macOS and Windows) is none. */
export function weakSettings(settings: Readonly<Record<string, unknown>>): { what: string; why: string }[] {
  return WEAK.flatMap(({ at, why }) => (valueAt(settings, at) === true ? [{ what: at.join("."), why }] : []));
}

/** Where the settings want a tool that is ours to carry in; absolute paths only, since others are found by PATH. */
export function wantedTools(settings: Readonly<Record<string, unknown>>): { tool: string; path: string }[] {
  const places = [
    { tool: "bwrap", at: ["bwrapPath"] },
    { tool: "socat", at: ["socatPath"] },
    { tool: "rg", at: ["ripgrep", "command"] },
  ];
  return places.flatMap(({ tool, at }) => {
    const path = valueAt(settings, at);
    return typeof path === "string" && path.startsWith("/") ? [{ tool, path }] : [];
  });
}

function valueAt(settings: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return settings;
  if (typeof settings !== "object" || settings === null) return undefined;
  return valueAt((settings as Record<string, unknown>)[name], rest);
}
