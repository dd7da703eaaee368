import { type Answer, refuse } from "./answer.ts";
import { answerBroker } from "./broker.ts";
import { canaryAnswer } from "./canaryHost.ts";
import type { ForeignCredential } from "./credentials.ts";
import type { FlowParts } from "./flow.ts";
import { credentialOfMessage } from "./flowUse.ts";
import { forward } from "./forward.ts";
import type { Judged, Taken } from "./judge.ts";
import { injectedBy } from "./policy.ts";
import { ring } from "./ring.ts";
import type { Carry } from "./send.ts";
import type { TunnelRequest } from "./tunnel/tunnel.ts";
import type { Hit } from "./watch/watch.ts";

type Flowing = Taken & {
  /** Its number. */
  flow: number;
  /** What it may move. */
  carry: Carry;
  /** For the requests in a tunnel. */
  serve: TunnelRequest["serve"];
};

/** Does what was asked for, when nothing speaks against it. */
export async function act(
  request: Flowing,
  { refusal, detail, retryAfterMs }: Pick<Judged, "refusal" | "detail" | "retryAfterMs">,
  parts: FlowParts,
): Promise<Answer> {
  const { decision, asked } = request;
  if (refusal === "canary-host" && asked.method !== "CONNECT") return canaryAnswer();
  if (refusal !== null) {
    const refused = refuse(refusal);
    return {
      ...refused,
      ...(detail === undefined ? {} : { detail }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }
  // While its line was written the latch may have been set.
  if (parts.policy().isLatched) return refuse("latched");
  if (decision.verdict === "deny") return refuse(decision.reason);
  if (decision.verdict === "internal") return inside(request, decision, parts);
  return outside(request, decision, parts);
}

type Verdict<V> = Extract<Taken["decision"], { verdict: V }>;

async function outside(request: Flowing, decision: Verdict<"allow" | "tunnel">, parts: FlowParts): Promise<Answer> {
  const { asked, guest, headers, body, leaving, flow, carry, inner } = request;
  if (decision.verdict === "tunnel") {
    return parts.tunnel.open(decision.rule, {
      flow,
      leaving,
      ring: ringOf(request, parts),
      watch: parts.watch.tunnel(guest.name),
      carry,
      serve: request.serve,
    });
  }
  const injected = injectedBy(decision.rule, request.policy);
  if (injected === undefined) return refuse("secret-missing");
  if (asked.upgrade === undefined || inner === undefined) {
    return forward(
      decision,
      { method: asked.method, headers, body, leaving, injected },
      parts.forward,
      inner?.vetted,
    );
  }
  return parts.websocket.open(decision, {
    headers,
    signal: leaving.signal,
    carry,
    sandbox: guest.name,
    injected,
    vetted: inner.vetted,
    credentialIn: (message) => credentialOfMessage(message, request.policy, parts),
    ring: ringOf(request, parts),
  });
}

async function inside(request: Flowing, decision: Verdict<"internal">, parts: FlowParts): Promise<Answer> {
  const { asked, guest, headers, body, leaving } = request;
  const { path, query } = decision.target;
  const { method } = asked;
  const of = { method, path, query, body };
  switch (decision.authority) {
    case "broker":
      return answerBroker({ ...of, signal: leaving.signal }, guest, parts.control, parts.certificate);
    case "model":
      return parts.model.answer({ ...of, headers, leaving, sandbox: guest.name });
    case "source":
      return parts.source.answer({ ...of, signal: leaving.signal, sandbox: guest.name });
  }
}

/** For what is seen in what passes, long after the request was let in. */
function ringOf(
  { guest, asked, decision }: Taken,
  parts: FlowParts,
): (hits: readonly Hit[], credential?: ForeignCredential) => void {
  return (hits, credential) => {
    const theft = ring(guest, parts, asked, decision, { hits, credential });
    if (theft !== null) parts.seal?.(theft);
  };
}
