import type { CapReason } from "./caps.ts";
import type { DenyReason } from "./decide.ts";
import { SOURCE_FAULTS, type SourceFault } from "./source/faults.ts";
import type { SpendReason } from "./spending.ts";
import type { WebsocketFault } from "./tunnel/frames.ts";

/** Why a request that was allowed, or was for us, was refused all the same. */
type RefusalReason =
  | "fake-credential"
  | "host-header-differs"
  | "body-too-long"
  | "body-too-slow"
  | "body-broken-off"
  | "body-not-json"
  | "body-shape"
  | "body-unsearchable"
  | "too-many-at-once"
  | "route-unknown"
  | "hello-twice"
  | "task-unknown"
  | "control-too-slow"
  | "log-unwritable"
  | "model-not-configured"
  | "model-request"
  | "model-budget"
  | "model-money"
  | "model-key-refused"
  | "model-key-echoed"
  | "name-unresolved"
  | "address-denied"
  | "upstream-unreachable"
  | "upstream-broken"
  | "websocket-refused"
  | "rule-withdrawn"
  | "response-too-long"
  | "response-type-not-listed"
  | "foreign-credential"
  | "secret-missing"
  | CapReason
  | SpendReason
  | WebsocketFault
  | TunnelFault;

/** Why a tunnel that was opened is closed again. */
export type TunnelFault =
  | "hello-not-tls"
  | "hello-malformed"
  | "hello-too-long"
  | "hello-too-slow"
  | "hello-broken-off"
  | "hello-no-name"
  | "hello-names"
  | "hello-name-differs"
  | "hello-encrypted"
  | "tls-failed"
  | "tunnel-idle"
  | "tunnel-too-long"
  | "tunnel-over-budget"
  | "tunnel-authority-missing"
  | "inner-malformed";

export type Reason = DenyReason | RefusalReason | SourceFault;

/** What the guest is told: a status and one sentence that says why and gives nothing of the policy away. */
export function answerFor(reason: Reason): { status: number; sentence: string } {
  const special = SPECIAL[reason];
  if (special !== undefined) return { status: special[0], sentence: special[1] };
  if (reason.startsWith("authority-"))
    return { status: 403, sentence: "the host is not written in a form that is taken here" };
  if (reason.startsWith("path-") || reason === "query-key") {
    return { status: 403, sentence: "the path is not written in a form that is taken here" };
  }
  return { status: 403, sentence: "this may not be reached from here" };
}

const NOT_FROM_HERE = "this host may not be reached from here";

const SPECIAL: Readonly<Partial<Record<Reason, readonly [number, string]>>> = {
  ...SOURCE_FAULTS,
  latched: [503, "everything is stopped: nothing passes"],
  "own-authority-unknown": [403, NOT_FROM_HERE],
  "own-authority-role": [403, NOT_FROM_HERE],
  "own-authority-port": [403, NOT_FROM_HERE],
  "canary-host": [403, NOT_FROM_HERE],
  "role-has-no-outside": [403, NOT_FROM_HERE],
  "host-not-listed": [403, NOT_FROM_HERE],
  "port-not-listed": [403, NOT_FROM_HERE],
  "form-target": [400, "inside a tunnel a request names the path alone"],
  "form-hosts": [400, "a request names its host once"],
  "form-twice": [400, "a header that may come once came twice"],
  "form-upgrade": [403, "a connection may not be made into something else here"],
  "websocket-refused": [502, "the host did not open a websocket"],
  "form-expect": [417, "what the request expects is not offered here"],
  "form-version": [400, "this version of the protocol is not spoken here"],
  "form-coding": [400, "the length of the body is written in a form that is not taken here"],
  tunnel: [403, "no tunnel is opened to this: send a plain request"],
  "tunnel-only": [403, "this host may only be reached through a tunnel from here"],
  "inner-authority-differs": [421, "the host differs from the one that the tunnel was opened to"],
  "inner-scheme": [400, "inside a tunnel everything is asked for by https"],
  "rule-expired": [403, "this may no longer be reached from here"],
  "method-not-listed": [403, "this method may not be used on this host from here"],
  "path-not-listed": [403, "this path may not be asked for from here"],
  "query-not-listed": [403, "this query may not be asked for from here"],
  "content-type-not-listed": [415, "a body of this type may not be sent to this from here"],
  "fake-credential": [403, "the request was refused and reported"],
  "host-header-differs": [400, "the Host header and the authority differ"],
  "body-too-long": [413, "the body is longer than is taken here"],
  "body-too-slow": [408, "the body did not arrive in time"],
  "body-broken-off": [400, "the body broke off"],
  "body-not-json": [400, "the body is not JSON"],
  "body-unsearchable": [415, "what the request carries cannot be looked into, so it was not passed on"],
  "body-shape": [422, "the body is not of the shape that is taken here"],
  "too-many-at-once": [429, "too much at once: wait for an answer before you ask again"],
  "too-many-streams": [429, "too much is under way: wait for an answer before you ask again"],
  "too-many-requests": [429, "too many requests: ask again later"],
  "too-many-bytes": [429, "too many bytes in too little time: ask again later"],
  "rule-rate": [429, "this is asked for too often: ask again later"],
  "rule-bytes": [429, "this host has been sent, or has sent, all that one cycle may carry"],
  "foreign-credential": [403, "a credential from inside is not passed on, so the request was refused and reported"],
  "secret-missing": [503, "this cannot be asked for now"],
  "route-unknown": [404, "there is nothing at this path for this method"],
  "hello-twice": [409, "hello was said before"],
  "task-unknown": [404, "no such task is waiting for a result"],
  "control-too-slow": [504, "no answer came in time"],
  "log-unwritable": [503, "the request could not be logged, so it was not made"],
  "model-not-configured": [503, "no model is configured for this cycle"],
  "model-budget": [429, "the token budget of this cycle does not cover this request"],
  "model-money": [429, "the money budget of this cycle does not cover this request"],
  "model-key-refused": [401, "the model's server does not take the key of this cycle"],
  "model-key-echoed": [502, "the model's server sent back what must not come in here"],
  "name-unresolved": [502, "the host's name could not be resolved"],
  "address-denied": [403, NOT_FROM_HERE],
  "upstream-unreachable": [502, "the host could not be reached"],
  "upstream-broken": [502, "the host broke off its answer"],
  "response-too-long": [502, "the host's answer was longer than is taken here"],
  "response-type-not-listed": [502, "the host's answer is of a type that is not taken here"],
  "inner-malformed": [400, "the request is not written in a form that is taken here"],
  "tunnel-authority-missing": [503, "no tunnel can be opened now: send a plain request"],
};
