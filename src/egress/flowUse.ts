import type { Clock } from "../base/clock.ts";
import type { AdmittedGuest } from "./admitted.ts";
import { isOpenEnded } from "./asked.ts";
import { type Carried, type ForeignCredential, foreignCredential } from "./credentials.ts";
import { type Decision, decide, type EgressRequest } from "./decide.ts";
import type { FlowParts } from "./flow.ts";
import type { LivePolicy } from "./policy.ts";
import { isExpired } from "./ruleDay.ts";
import type { Carry } from "./send.ts";
import type { Used } from "./spending.ts";

/** Only what a rule lets in is looked at: everything else stays inside with all that it carries. */
export function credentialOf(
  decision: Decision,
  carried: Omit<Carried, "query">,
  policy: LivePolicy,
  parts: FlowParts,
): ForeignCredential | undefined {
  if (decision.verdict !== "allow") return undefined;
  const known = { ours: new Set(Object.values(policy.secrets)), hashKey: parts.hashKey() };
  return foreignCredential({ ...carried, query: decision.target.query }, known);
}

/** In one message of a websocket, which a rule let in: as in a body. One that is cut over two messages is not seen. */
export function credentialOfMessage(
  message: Pick<Carried, "body" | "tokens">,
  policy: LivePolicy,
  parts: FlowParts,
): ForeignCredential | undefined {
  const known = { ours: new Set(Object.values(policy.secrets)), hashKey: parts.hashKey() };
  const found = foreignCredential({ headers: {}, query: "", ...message }, known);
  return found === undefined ? undefined : { ...found, place: "message" };
}

/** When it is looked for credentials of others, of which some are good only till some day. */
export function tokensAtMs(decision: Decision, clock: Clock): number | undefined {
  return decision.verdict === "allow" ? clock.now().getTime() : undefined;
}

/** A tunnel that is terminated is no use of a rule: the requests in it are. */
export function useOf(decision: Decision, bytesUp: number, parts: FlowParts): Used | null {
  const isUse = decision.verdict === "allow" || (decision.verdict === "tunnel" && decision.rule.mode === "splice");
  return isUse ? parts.spending.use(decision.rule, bytesUp, parts.clock.monotonicMs()) : null;
}

/**
 * What the rule lets through in this cycle and what the sandbox may move in a minute, for each chunk. A tunnel or a websocket,
 * which has no end of its own, is decided anew when another policy was loaded.
 */
export function carryOf(
  { rule, verdict }: Decision,
  asked: EgressRequest,
  began: LivePolicy,
  { guest, parts }: { guest: AdmittedGuest; parts: FlowParts },
): Carry {
  let lastHash = began.hash;
  const isWithdrawn = () => {
    const hash = parts.policyHash();
    if (hash === lastHash || !isOpenEnded(asked)) return false;
    const now = decide(asked, parts.policy());
    if (now.verdict !== verdict || (now.verdict === "tunnel" && now.rule.mode !== rule?.mode)) return true;
    lastHash = hash;
    return false;
  };
  return (direction, bytes) => {
    if (isWithdrawn()) return { status: "over", reason: "rule-withdrawn" };
    if (rule !== null && isExpired(rule, parts.today())) return { status: "over", reason: "rule-expired" };
    if (rule !== null && !parts.spending.carry(rule, direction, bytes))
      return { status: "over", reason: "rule-bytes" };
    return { status: "passes", waitMs: guest.caps.carry(bytes) };
  };
}
