import { Document, isMap } from "yaml";
import { RULE_PATHS_MAX, RULE_QUERY_KEYS_MAX, RULES_MAX } from "./allowlist.ts";
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
  /** `http` where nothing but plain HTTP was asked for, and not at the port of TLS. */
  scheme: "https" | "http";
  methods: string[];
  paths: string[];
  /** Templates that a rule has no room for: such requests stay denied. */
  pathsLeftOut: number;
  query: string[];
  /** Of the longest body that was read. Of what is denied, no more than 256 KiB are. */
  requestBytesMax: number;
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
const TEACHABLE = new Set([
  "host-not-listed",
  "port-not-listed",
  "method-not-listed",
  "path-not-listed",
  "query-not-listed",
]);
/** Of a tunnel: what it is denied for without a rule for its host and port. */
const TEACHABLE_OF_TUNNELS = new Set(["host-not-listed", "port-not-listed"]);
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
/** From so many different values in one place on it is taken for a parameter. */
const VALUES_MAX = 5;

/** Most often asked for first. */
export function proposeRules(flows: Iterable<Flow>): Proposal[] {
  const groups = new Map<string, Group>();
  for (const { opened } of flows) {
    const place = placeOf(opened);
    if (place === undefined) continue;
    const key = `${place.host}:${place.port}`;
    const group = groups.get(key) ?? newGroup(place);
    if (opened.method === "CONNECT") {
      if (!TEACHABLE_OF_TUNNELS.has(opened.reason)) continue;
      group.tunnels++;
      group.isTls = true;
    } else {
      const target = parseTarget(opened.path);
      if (!TEACHABLE.has(opened.reason) || !METHODS.has(opened.method) || target.status === "refused") continue;
      group.requests++;
      group.isTls ||= opened.scheme !== "http" || place.port === 443;
      group.methods.add(opened.method);
      group.paths.set(target.path, [...target.segments]);
      for (const key of opened.queryKeys) group.query.add(key);
      group.bytesMax = Math.max(group.bytesMax, opened.bytesUp);
    }
    groups.set(key, group);
  }
  const ids = new Set<string>();
  return [...groups.values()]
    .sort((a, b) => b.requests + b.tunnels - a.requests - a.tunnels)
    .map((group) => proposalOf(group, ids));
}

type Group = {
  host: string;
  port: number;
  methods: Set<string>;
  /** By the path as it was asked for. */
  paths: Map<string, string[]>;
  query: Set<string>;
  bytesMax: number;
  isTls: boolean;
  requests: number;
  tunnels: number;
};

function newGroup(place: { host: string; port: number }): Group {
  const nothing = { bytesMax: 0, isTls: false, requests: 0, tunnels: 0 };
  return { ...place, methods: new Set(), paths: new Map(), query: new Set(), ...nothing };
}

/** What a rule would have to name; undefined when none can, or nothing was denied. */
function placeOf({ verdict, authority, method, scheme }: Flow["opened"]): { host: string; port: number } | undefined {
  if (verdict !== "deny") return undefined;
  const parsed = parseAuthority(authority);
  if (parsed.status === "refused" || !isPlainName(parsed.host)) return undefined;
  const usual = method !== "CONNECT" && scheme === "http" ? 80 : 443;
  return { host: parsed.host, port: parsed.port ?? usual };
}

function proposalOf(group: Group, ids: Set<string>): Proposal {
  const { host, port, methods, paths, query, bytesMax, isTls, requests, tunnels } = group;
  const templates = templatesOf([...paths.values()]);
  const taken = templates.filter(isPathTemplate).slice(0, RULE_PATHS_MAX);
  return {
    id: idOf(host, port, ids),
    host,
    port,
    scheme: isTls ? "https" : "http",
    methods: [...methods].sort(),
    paths: taken,
    pathsLeftOut: templates.length - taken.length,
    query: [...query].sort().slice(0, RULE_QUERY_KEYS_MAX),
    requestBytesMax: bytesMax,
    why: "",
    knows: requests === 0 ? "host" : "requests",
    asked: requests + tunnels,
  };
}

/** A list whose ids are there twice does not load, and long names are cut to the same. */
function idOf(host: string, port: number, ids: Set<string>): string {
  const name = `${host.replaceAll(".", "-")}${port === 443 ? "" : `-${port}`}`;
  let id = name.slice(0, 54);
  for (let n = 2; ids.has(id); n++) id = `${name.slice(0, 54)}-${n}`;
  ids.add(id);
  return id;
}

const HOST_ONLY =
  " Only the host is known: a tunnel to it was asked for. Name the methods and paths that it is to be used for.";

/** As `allowlists/<purpose>.yaml` has it, with what a person must fill in. */
export function proposalYaml(proposals: readonly Proposal[]): string {
  const shown = proposals.slice(0, RULES_MAX);
  const document = new Document({ version: 1, purpose: "learnt", rules: shown.map(ruleOf) });
  for (const [i, { knows, pathsLeftOut }] of shown.entries()) {
    const rule = document.getIn(["rules", i]);
    if (!isMap(rule)) continue;
    if (knows === "host") rule.commentBefore = HOST_ONLY;
    else if (pathsLeftOut > 0)
      rule.commentBefore = ` ${pathsLeftOut} more paths were asked for than a rule can name.`;
  }
  const left = proposals.length - shown.length;
  return [
    "# Proposed from what a cycle asked for and was denied. It does not load before each why says why.",
    ...(left > 0
      ? [`# ${left} more hosts were asked for, less often; a list has no room for them, --json has.`]
      : []),
    document.toString().trimEnd(),
  ].join("\n");
}

function ruleOf({ id, host, port, scheme, methods, paths, query, requestBytesMax, why }: Proposal): object {
  return {
    id,
    host,
    port,
    ...(scheme === "http" ? { scheme } : {}),
    methods,
    paths,
    ...(query.length === 0 ? {} : { query }),
    ...(requestBytesMax === 0 ? {} : { requestBytesMax }),
    responseBytesMax: 1_048_576,
    why,
  };
}

/** Segments that look like an id, that differ in many requests, or that no template can write, become `{id}`. */
function templatesOf(paths: readonly string[][]): string[] {
  const byLength = Map.groupBy(paths, (segments) => segments.length);
  const templates = [...byLength.values()].flatMap((same) => {
    const isOpen = (same[0] ?? []).map((_, at) => new Set(same.map((segments) => segments[at])).size > VALUES_MAX);
    return same.map((segments) => {
      const shown = segments.map((segment, at) => {
        if (segment === "") return segment;
        const isFree = isOpen[at] === true || looksLikeId(segment) || !isPathTemplate(`/${segment}`);
        return isFree || segment === "**" ? "{id}" : segment;
      });
      return `/${shown.join("/")}`;
    });
  });
  return [...new Set(templates)].sort();
}

function looksLikeId(segment: string): boolean {
  return /^\d+$/.test(segment) || /^[0-9a-f-]{8,}$/i.test(segment) || (/\d/.test(segment) && segment.length >= 16);
}
