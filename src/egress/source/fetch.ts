import type { Clock } from "../../base/clock.ts";
import { sha256Hex } from "../../base/hash.ts";
import { oneLine } from "../../base/text.ts";
import type { Source, SourceRequest } from "../../sources/source.ts";
import { NO_TRAIL, type Trail } from "../answer.ts";
import { type Decision, decide, type Policy } from "../decide.ts";
import { keyGuard } from "../modelKey.ts";
import { injectedBy, type LivePolicy } from "../policy.ts";
import { type CloseLine, type EgressRecord, NOT_GREETED, type OpenLine } from "../record.ts";
import { type Vetting, vet } from "../resolver.ts";
import { type Downloaded, download } from "./download.ts";
import type { SourceFault } from "./faults.ts";
import type { Pace } from "./pace.ts";

/**
 * From a source's request to a file in quarantine. Each hop is decided about anew, as a request of the lab's own would be, and
 * besides must fall under a rule of this very source: that a host may be reached for another source is no reason here.
 * Its name is resolved once, and what is dialed is the address that was looked at. Each hop is a flow in the egress log, and gets the
 * key of its own rule, so that a redirect takes none along.
 */
export type FetchParts = {
  policy(): LivePolicy;
  vetting: Vetting;
  certificates: readonly string[];
  record: EgressRecord;
  pace: Pace;
  clock: Clock;
  nextFlow(): number;
};

/** Of a copy that is there already. */
export type Validators = { url: string; etag: string | null; lastModified: string | null };

export type FetchFault =
  | SourceFault
  | "name-unresolved"
  | "address-denied"
  | "upstream-unreachable"
  | "secret-missing"
  | "log-unwritable";

export type Fetched =
  | {
      status: "whole";
      url: string;
      mediaType: string;
      etag: string | null;
      lastModified: string | null;
      trail: Trail;
    }
  | { status: "unchanged"; trail: Trail }
  | { status: "refused"; reason: FetchFault; detail: string; waitMs?: number; trail: Trail };

const REDIRECTS_MAX = 3;

/** One fetch: for whom, of what, to where. */
export type FetchJob = {
  /** The sandbox that asked, for the log. */
  sandbox: string;
  source: Source;
  request: SourceRequest;
  known: Validators | null;
  /** Where the bytes go; must not be there. */
  file: string;
  signal: AbortSignal;
};

/** Rejects when the disk does, or with the signal's reason. */
export async function fetchSource(job: FetchJob, parts: FetchParts): Promise<Fetched> {
  const seen = new Set<string>();
  let current = job.request;
  for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
    const url = urlOf(current.url);
    if (url === null) return refuse("source-place", "no URL");
    if (seen.has(url.href)) return refuse("source-redirect", "in a circle");
    seen.add(url.href);
    const step = await hop({ ...job, request: { ...current, url: url.href } }, url, parts);
    if (step.status !== "redirected") return step;
    if (current.method !== "GET") return refuse("source-redirect", "a POST is not sent on", step.trail);
    if (echoes(step.location ?? "", parts.policy()))
      return refuse("source-secret-echoed", "in a redirect", step.trail);
    const next = step.location === null ? null : urlOf(step.location, url);
    if (next === null) return refuse("source-redirect", "to nowhere", step.trail);
    current = { ...current, url: next.href };
  }
  return refuse("source-redirect", `more than ${REDIRECTS_MAX} times`);
}

type Stepped = (Fetched | { status: "redirected"; location: string | null; trail: Trail }) & {
  /** Of the host's answer; not there when there was none. */
  code?: number;
  bytes?: number;
};

async function hop(job: FetchJob, url: URL, parts: FetchParts): Promise<Stepped> {
  const { source, request, signal } = job;
  const policy = parts.policy();
  const decision = decideHop(source, request.method, url, policy);
  const turn =
    decision.verdict === "allow" ? await parts.pace.enter(decision.rule.host, source.intervalMs, signal) : null;
  if (turn?.status === "late") return { ...refuse("source-wait", "its turn is far off"), waitMs: turn.waitMs };
  const startedAt = parts.clock.monotonicMs();
  const open = openLine(job, url, decision, { flow: parts.nextFlow(), policyHash: policy.hash });
  try {
    if ((await parts.record.open(open)).status === "failed") return refuse("log-unwritable", "the log takes no line");
    const stepped =
      decision.verdict === "allow"
        ? await reach(job, decision, parts, policy)
        : refuse(decision.reason, decision.detail);
    parts.record.close(closeLine(open, stepped, parts.clock.monotonicMs() - startedAt));
    return stepped;
  } finally {
    turn?.leave();
  }
}

type HopDecision =
  | Extract<Decision, { verdict: "allow" }>
  | { verdict: "deny"; reason: SourceFault; detail: string; rule: null };

/** Pure. What is asked for is what `decide` says may be asked for, over TLS, under a rule of the source. */
export function decideHop(source: Source, method: string, url: URL, policy: Policy): HopDecision {
  const deny = (reason: SourceFault, detail: string): HopDecision => ({
    verdict: "deny",
    reason,
    detail,
    rule: null,
  });
  if (url.protocol !== "https:") return deny("source-scheme", url.protocol.slice(0, 20));
  if (url.username !== "" || url.password !== "") return deny("source-place", "user or password");
  const path = `${url.pathname}${url.search}`;
  const contentType = method === "POST" ? "application/json" : undefined;
  const asked = { role: "lab", method, scheme: "https", authority: url.host, path, contentType } as const;
  const decision = decide(asked, policy);
  if (decision.verdict !== "allow") return deny("source-place", decision.reason);
  if (decision.rule.scheme !== "https") return deny("source-scheme", "a rule without TLS");
  if (!source.rules.includes(decision.rule.id)) return deny("source-place", "a rule of another source");
  return decision;
}

async function reach(
  { source, request, known, file, signal }: FetchJob,
  { rule }: Extract<Decision, { verdict: "allow" }>,
  parts: FetchParts,
  policy: LivePolicy,
): Promise<Stepped> {
  const injected = injectedBy(rule, policy);
  if (injected === undefined) return refuse("secret-missing", "the variable that the rule names is not set");
  const askedAt = parts.clock.monotonicMs();
  const vetted = await vet(rule.host, parts.vetting);
  const dnsMs = parts.clock.monotonicMs() - askedAt;
  const trail = { resolved: vetted.resolved, dialed: null, dnsMs, connectMs: null };
  if (vetted.status === "refused") return refuse(vetted.reason, "", trail);
  // A validator is one host's word about one URL.
  const validators = known?.url === request.url ? known : null;
  const downloaded = await download(
    {
      request,
      address: vetted.address,
      injected,
      etag: validators?.etag ?? null,
      lastModified: validators?.lastModified ?? null,
      wireBytesMax: Math.min(source.limits.wireBytesMax, rule.responseBytesMax),
      bytesMax: source.limits.bytesMax,
      timeMs: source.limits.timeMs,
      certificates: parts.certificates,
    },
    file,
    signal,
  );
  if (downloaded.status === "asked-to-wait") parts.pace.hold(rule.host, downloaded.waitMs);
  return {
    ...steppedOf(downloaded, request.url, { ...trail, dialed: vetted.address }),
    code: downloaded.code,
    bytes: downloaded.bytes,
  };
}

function steppedOf(downloaded: Downloaded, url: string, trail: Trail): Stepped {
  switch (downloaded.status) {
    case "whole":
      return { ...downloaded, url, trail };
    case "unchanged":
      return { status: "unchanged", trail };
    case "redirected":
      return { ...downloaded, trail };
    case "asked-to-wait":
      return { ...refuse("source-wait", "the host says so", trail), waitMs: downloaded.waitMs };
    case "refused":
      return refuse(downloaded.reason, downloaded.detail, trail);
  }
}

/** Does this hold a key that a rule puts in, plain or in another form of writing? */
export function echoes(text: string, { secrets }: LivePolicy): boolean {
  return Object.values(secrets).some((secret) => keyGuard(secret).holds(text));
}

/** Without its fragment, which never leaves. */
function urlOf(text: string, base?: URL): URL | null {
  const url = URL.parse(text, base?.href);
  if (url !== null) url.hash = "";
  return url;
}

function openLine(
  { request, sandbox }: FetchJob,
  url: URL,
  decision: HopDecision,
  { flow, policyHash }: { flow: number; policyHash: string },
): OpenLine {
  const body = request.body ?? "";
  return {
    event: "open",
    sandbox,
    backend: null,
    role: "source-fetcher",
    flow,
    policyHash,
    authority: url.host.slice(0, 300),
    scheme: url.protocol === "https:" ? "https" : url.protocol === "http:" ? "http" : null,
    method: request.method,
    path: url.pathname.slice(0, 300),
    queryKeys: [],
    host: decision.rule?.host ?? null,
    port: decision.rule?.port ?? null,
    verdict: decision.verdict,
    reason: decision.reason,
    rule: decision.rule?.id ?? null,
    pathTemplate: decision.verdict === "allow" ? decision.template : null,
    bytesUp: Buffer.byteLength(body),
    bodySha256: body === "" ? null : sha256Hex(body),
    budgetLeft: null,
    credential: null,
    redactions: [],
    mode: null,
    tunnel: null,
    stripped: [],
    ...NOT_GREETED,
  };
}

function closeLine(open: OpenLine, stepped: Stepped, durationMs: number): CloseLine {
  return {
    event: "close",
    sandbox: open.sandbox,
    flow: open.flow,
    policyHash: open.policyHash,
    status: stepped.code ?? 0,
    closedBy: stepped.status === "refused" ? "limit" : "answer",
    reason: stepped.status === "refused" ? oneLine(`${stepped.reason} ${stepped.detail}`, 300) : stepped.status,
    ...stepped.trail,
    bytesUp: 0,
    bytesDown: stepped.bytes ?? 0,
    durationMs: Math.round(durationMs * 1_000) / 1_000,
    credential: null,
    ...NOT_GREETED,
  };
}

function refuse(
  reason: FetchFault,
  detail: string,
  trail: Trail = NO_TRAIL,
): Extract<Fetched, { status: "refused" }> {
  return { status: "refused", reason, detail, trail };
}
