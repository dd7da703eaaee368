import { Document, isMap } from "yaml";
import { isPlainName, parseAuthority } from "./grammar.ts";
import { isPathTemplate, parseTarget } from "./path.ts";
import type { Flow } from "./readLog.ts";

/**
 * Rules for what a cycle asked for and was denied, for a person to judge: the narrowest that would have let it through. Why a
 * host may be reached is for people to say, and a list with an empty `why` does not load.
 */
export type Proposal = {
  id: string;
  host: string;
  port: number;
  methods: string[];
  paths: string[];
  why: "";
  /**
   * `requests`: methods and paths are those that were asked for. `host`: a tunnel was asked for and denied, so that nobody knows
   * what would have been asked in it; both are empty, and such a rule does not load before a person has filled them in.
   */
  knows: "requests" | "host";
  /** How often it was asked for, tunnels counted. */
  asked: number;
};

/** Denials that a rule could turn. A form that the grammar refuses, a canary host or a fake is none of them. */
const TEACHABLE = new Set(["host-not-listed", "port-not-listed", "method-not-listed", "path-not-listed"]);
/** Of a tunnel: what it is denied for without a rule for its host and port. */
const TEACHABLE_OF_TUNNELS = new Set(["host-not-listed", "port-not-listed"]);
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
/** From so many different values in one place on it is taken for a parameter. */
const VALUES_MAX = 5;

export function proposeRules(flows: readonly Flow[]): Proposal[] {
  const groups = new Map<string, Group>();
  for (const { opened } of flows) {
    if (opened.verdict !== "deny") continue;
    const authority = parseAuthority(opened.authority);
    if (authority.status === "refused" || !isPlainName(authority.host)) continue;
    const port = authority.port ?? 443;
    const key = `${authority.host}:${port}`;
    const group = groups.get(key) ?? { host: authority.host, port, methods: new Set(), paths: [], tunnels: 0 };
    if (opened.method === "CONNECT") {
      if (!TEACHABLE_OF_TUNNELS.has(opened.reason)) continue;
      group.tunnels++;
    } else {
      const target = parseTarget(opened.path);
      if (!TEACHABLE.has(opened.reason) || !METHODS.has(opened.method) || target.status === "refused") continue;
      group.methods.add(opened.method);
      group.paths.push([...target.segments]);
    }
    groups.set(key, group);
  }
  return [...groups.values()].map(({ host, port, methods, paths, tunnels }) => ({
    id: `${host.replaceAll(".", "-")}${port === 443 ? "" : `-${port}`}`.slice(0, 60),
    host,
    port,
    methods: [...methods].sort(),
    paths: templatesOf(paths),
    why: "",
    knows: paths.length === 0 ? "host" : "requests",
    asked: paths.length + tunnels,
  }));
}

type Group = { host: string; port: number; methods: Set<string>; paths: string[][]; tunnels: number };

const HOST_ONLY = ` Only the host is known: a tunnel to it was asked for. Name the methods and paths that it is to be used for.`;

/** As `allowlists/<purpose>.yaml` has it, with what a person must fill in. */
export function proposalYaml(proposals: readonly Proposal[]): string {
  const rules = proposals.map(({ id, host, port, methods, paths, why }) => {
    return { id, host, port, methods, paths, responseBytesMax: 1_048_576, why };
  });
  const document = new Document({ version: 1, purpose: "learnt", rules });
  for (const [i, { knows }] of proposals.entries()) {
    const rule = document.getIn(["rules", i]);
    if (knows === "host" && isMap(rule)) rule.commentBefore = HOST_ONLY;
  }
  return [
    "# Proposed from what a cycle asked for and was denied. It does not load before each why says why.",
    "# Query keys are not in the log: name those that are needed under query.",
    document.toString().trimEnd(),
  ].join("\n");
}

/** Segments that look like an id, or that differ in many requests, become `{id}`. */
function templatesOf(paths: readonly string[][]): string[] {
  const byLength = Map.groupBy(paths, (segments) => segments.length);
  const templates = [...byLength.values()].flatMap((same) => {
    const isOpen = (same[0] ?? []).map((_, at) => new Set(same.map((segments) => segments[at])).size > VALUES_MAX);
    return same.map((segments) => {
      const shown = segments.map((segment, at) => (isOpen[at] === true || looksLikeId(segment) ? "{id}" : segment));
      return `/${shown.join("/")}`;
    });
  });
  return [...new Set(templates)].filter(isPathTemplate).sort();
}

function looksLikeId(segment: string): boolean {
  return /^\d+$/.test(segment) || /^[0-9a-f-]{8,}$/i.test(segment) || (/\d/.test(segment) && segment.length >= 16);
}
