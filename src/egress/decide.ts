import { AUTHORITY } from "../guest/wire.ts";
import type { Role } from "../sandbox/sandbox.ts";
import type { Rule } from "./allowlist.ts";
import { type FormFault, type Upgrade, withoutSpace } from "./form.ts";
import { type Authority, type AuthorityFault, parseAuthority } from "./grammar.ts";
import { matchesTemplate, type PathFault, parseTarget, type Target } from "./path.ts";
import { isExpired } from "./ruleDay.ts";

/** What is asked, as it came: nothing here has been looked at yet. */
export type EgressRequest = {
  role: Role;
  method: string;
  scheme: string | undefined;
  authority: string | undefined;
  path: string | undefined;
  contentType?: string | undefined;
  /** What the tunnel was opened to that it came through. */
  tunnel?: Place | undefined;
  /** What a server may not take, whoever is asked: found where its bytes were read. */
  form?: FormFault | undefined;
  /** What it would make of its connection; then its method is GET, whatever protocol it came by. */
  upgrade?: Upgrade | undefined;
};

export type Place = { host: string; port: number };

export type Policy = {
  isLatched: boolean;
  /** UTC, as in 2027-01-31. */
  today: string;
  /** Lower-case names that nobody has a reason to ask for; names below them ring too. */
  canaryHosts: readonly string[];
  rules: readonly Rule[];
};

type OwnAuthority = keyof typeof AUTHORITY;

export type DenyReason =
  | "latched"
  | "role-unknown"
  | AuthorityFault
  | "own-authority-unknown"
  | "own-authority-port"
  | "own-authority-role"
  | "canary-host"
  | "role-has-no-outside"
  | "host-not-listed"
  | "port-not-listed"
  | "rule-expired"
  | FormFault
  | "tunnel"
  | "tunnel-only"
  | "inner-authority-differs"
  | "inner-scheme"
  | "method-not-listed"
  | PathFault
  | "path-not-listed"
  | "query-not-listed"
  | "content-type-not-listed";

type Deny = {
  verdict: "deny";
  reason: DenyReason;
  rule: null;
  /** The canary host that was touched, also by a request that is denied for another reason first. */
  canaryHost: string | null;
};
type OkTarget = Extract<Target, { status: "ok" }>;

export type Decision =
  | { verdict: "allow"; reason: "rule"; rule: Rule; template: string; target: OkTarget }
  /** TLS to a host and port of the rules. A spliced one is this rule's; in a terminated one each request is decided anew. */
  | { verdict: "tunnel"; reason: "rule"; rule: Rule }
  | { verdict: "internal"; reason: "own-authority"; rule: null; authority: OwnAuthority; target: OkTarget }
  | Deny;

const OWN_BY_ROLE: Readonly<Record<string, readonly OwnAuthority[]>> = {
  lab: ["broker", "model", "source"],
  target: ["broker"],
  scratch: ["broker"],
};
const OWN_SUFFIX = ".weakdoor.internal";

/** Only the researcher's sandbox may reach a host at all. */
export function hasOutside(role: Role): boolean {
  return role === "lab";
}

/**
 * The one decision on what may leave a sandbox. Pure: no clock, no disk, no name is resolved, so a host that no rule
 * names never reaches a resolver. Unknown means deny.
 */
export function decide(request: EgressRequest, policy: Policy): Decision {
  const authority = parseAuthority(request.authority);
  const canaryHost = canaryOf(request.authority, authority, policy.canaryHosts);
  const deny = (reason: DenyReason): Deny => ({ verdict: "deny", reason, rule: null, canaryHost });
  if (policy.isLatched) return deny("latched");
  const own = Object.hasOwn(OWN_BY_ROLE, request.role) ? OWN_BY_ROLE[request.role] : undefined;
  if (own === undefined) return deny("role-unknown");
  if (authority.status === "refused") return deny(authority.reason);
  if (request.form !== undefined) return deny(request.form);
  const { host } = authority;
  if (request.method === "CONNECT" && authority.port === null) return deny("authority-port");
  const port = authority.port ?? (request.scheme === "https" ? 443 : 80);
  if (request.tunnel !== undefined) {
    // Domain fronting: the name that was let through is not the name that is asked for.
    if (request.tunnel.host !== host || request.tunnel.port !== port) return deny("inner-authority-differs");
    if (request.method === "CONNECT") return deny("tunnel");
    if (request.scheme !== "https") return deny("inner-scheme");
  } else if (request.upgrade !== undefined) {
    return deny("form-upgrade");
  }
  if (host === OWN_SUFFIX.slice(1) || host.endsWith(OWN_SUFFIX)) {
    const name = ownNameOf(host);
    if (name === undefined) return deny("own-authority-unknown");
    if (!own.includes(name)) return deny("own-authority-role");
    if (port !== 80) return deny("own-authority-port");
    if (request.method === "CONNECT") return deny("tunnel");
    const target = parseTarget(request.path);
    if (target.status === "refused") return deny(target.reason);
    return { verdict: "internal", reason: "own-authority", rule: null, authority: name, target };
  }
  if (canaryHost !== null) return deny("canary-host");
  if (!hasOutside(request.role)) return deny("role-has-no-outside");
  const ofHost = policy.rules.filter((rule) => rule.host === host);
  if (ofHost.length === 0) return deny("host-not-listed");
  const ofPort = ofHost.filter((rule) => rule.port === port);
  if (ofPort.length === 0) return deny("port-not-listed");
  const found = matchLive(request, ofPort, policy.today);
  return typeof found === "string" ? deny(found) : found;
}

/** Says that a rule has expired where that is all that keeps it from allowing this. */
function matchLive(request: EgressRequest, ofPort: readonly Rule[], today: string): Decision | DenyReason {
  const live = ofPort.filter((rule) => !isExpired(rule, today));
  if (live.length === 0) return "rule-expired";
  const found = matchRules(request, live);
  if (typeof found !== "string" || live.length === ofPort.length) return found;
  return typeof matchRules(request, ofPort) === "string" ? found : "rule-expired";
}

function matchRules(request: EgressRequest, ofPort: readonly Rule[]): Decision | DenyReason {
  if (request.method === "CONNECT") return matchTunnel(ofPort);
  const rules = ofPort.filter((rule) => rule.mode === "terminate");
  if (rules.length === 0) return "tunnel-only";
  const ofUpgrade = request.upgrade === undefined ? rules : rules.filter((rule) => rule.websocket);
  if (ofUpgrade.length === 0) return "form-upgrade";
  const ofMethod = ofUpgrade.filter((rule) => rule.methods.some((method) => method === request.method));
  if (ofMethod.length === 0) return "method-not-listed";
  const target = parseTarget(request.path);
  if (target.status === "refused") return target.reason;
  let nearest: DenyReason = "path-not-listed";
  for (const rule of ofMethod) {
    const template = rule.paths.find((path) => matchesTemplate(target.segments, path));
    if (template === undefined) continue;
    const isQueryListed = target.queryKeys.every((key) => rule.query.includes(key));
    if (isQueryListed && isTypeListed(request.contentType, rule.contentTypes)) {
      return { verdict: "allow", reason: "rule", rule, template, target };
    }
    nearest = isQueryListed ? "content-type-not-listed" : "query-not-listed";
  }
  return nearest;
}

/** A tunnel that one rule would terminate is terminated: then all of its requests are seen. */
function matchTunnel(ofPort: readonly Rule[]): Decision | DenyReason {
  const rules = ofPort.filter((rule) => rule.scheme === "https");
  const rule = rules.find((rule) => rule.mode === "terminate") ?? rules[0];
  if (rule === undefined) return "tunnel";
  return { verdict: "tunnel", reason: "rule", rule };
}

/** A request that names no type may pass here: whether it carries anything is only known when it was read. */
export function isTypeListed(contentType: string | undefined, listed: readonly string[] | undefined): boolean {
  if (listed === undefined || contentType === undefined) return true;
  return listed.includes(withoutSpace(contentType.split(";", 1)[0] ?? "").toLowerCase());
}

function ownNameOf(host: string): OwnAuthority | undefined {
  const names: OwnAuthority[] = ["broker", "model", "source"];
  return names.find((name) => AUTHORITY[name] === host);
}

/** A name in a form that the grammar refuses is looked for as plain text: it rings too often rather than not at all. */
function canaryOf(raw: string | undefined, authority: Authority, hosts: readonly string[]): string | null {
  if (authority.status === "ok") {
    return hosts.find((host) => authority.host === host || authority.host.endsWith(`.${host}`)) ?? null;
  }
  const text = raw?.toLowerCase() ?? "";
  return hosts.find((host) => text.includes(host)) ?? null;
}
