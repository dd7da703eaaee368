import type { IncomingHttpHeaders } from "node:http";
import { pipeline, Transform } from "node:stream";
import type { Clock } from "../base/clock.ts";
import type { ModelPrice } from "../config/price.ts";
import { type Answer, NO_TRAIL, refuse, type Trail } from "./answer.ts";
import { jsonOf } from "./body.ts";
import type { Connections } from "./connections.ts";
import type { ModelSpend } from "./egress.ts";
import { codeOf, pick } from "./forward.ts";
import type { Leaving } from "./leaving.ts";
import type { ModelRelay } from "./messages.ts";
import { type Bill, purseOf } from "./modelBill.ts";
import { largestCost } from "./modelCost.ts";
import { KeyEchoed, type KeyGuard, keyGuard } from "./modelKey.ts";
import { checkModelRequest, isModelPath } from "./modelRequest.ts";
import { type UsageReader, usageReader } from "./modelUsage.ts";
import { type Dial, dial, type UpstreamResponse } from "./upstream.ts";

/**
 * `model.weakdoor.internal`, for the lab: passes a checked call on to the configured server with the key that only this
 * process knows, and its answer back as it comes. The server's address is the operator's own choice, so its class is
 * not looked at: a local model is one.
 */
export type ModelDesk = {
  answer(request: ModelRequest): Promise<Answer>;
};

type ModelRequest = {
  sandbox: string;
  method: string;
  path: string;
  query: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  leaving: Leaving;
};

export type ModelParts = {
  connections: Connections;
  clock: Clock;
  /** What all calls together cost up to now, each time that one is settled. */
  onSpent(spend: ModelSpend): void;
  /** Stands in every page of a source; see `source/frame.ts`. */
  materialMark: string;
  /** The server sent our key back; it was held back. */
  onKeyEchoed(sandbox: string, where: "headers" | "body"): void;
};

export const MODEL_BYTES_MAX = 8 * 1024 * 1024;

const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
const DEADLINE_MS = 600_000;
/** With `retry-after` and its like an SDK knows when to come again, as if it stood outside. */
const DOWN = [
  "content-type",
  "date",
  "request-id",
  "retry-after",
  "retry-after-ms",
  "x-request-id",
  "x-should-retry",
];
const MATERIAL_BESIDE_TOOLS = "text of a source goes to no model that has tools";
const ANTHROPIC_VERSION = "2023-06-01";

export function modelDesk(relay: ModelRelay | null, parts: ModelParts): ModelDesk {
  if (relay === null) return { answer: async () => refuse("model-not-configured") };
  const allowed = { models: relay.models, hostedTools: relay.hostedTools ?? [] };
  const guard = keyGuard(relay.key);
  const purse = purseOf(relay, (spend) => parts.onSpent(spend));
  return {
    async answer(request) {
      const { method, path, query, body, leaving } = request;
      if (method !== "POST" || query !== "" || !isModelPath(relay.kind, path)) return refuse("route-unknown");
      const check = checkModelRequest(path, jsonOf(body), allowed);
      if (check.status === "refused") {
        return { status: "refused", reason: "model-request", sentence: check.reason, trail: NO_TRAIL };
      }
      const text = Buffer.from(JSON.stringify(check.body));
      // Whoever reads the words of strangers does nothing else: a model with tools is never shown them.
      if (check.hasTools && text.includes(parts.materialMark)) {
        return { status: "refused", reason: "model-request", sentence: MATERIAL_BESIDE_TOOLS, trail: NO_TRAIL };
      }
      const price = priceOf(relay, String(check.body.model));
      const bill = purse.open(largestCost(text, check, price), price);
      if (bill.status === "over") return refuse(bill.what === "money" ? "model-money" : "model-budget");
      const startedAt = parts.clock.monotonicMs();
      const dialed = await dial(callOf(relay, path, text), leaving, parts.connections);
      const connectMs = parts.clock.monotonicMs() - startedAt;
      const trail = { ...NO_TRAIL, dialed: new URL(relay.baseUrl).host, connectMs };
      if (dialed.status === "failed") {
        bill.settle(dialed.wasConnected ? "unsaid" : "nothing");
        return refuse("upstream-unreachable", trail);
      }
      return passedOn(dialed.response, {
        sandbox: request.sandbox,
        bill,
        guard,
        reader: usageReader(check.isStreaming),
        trail,
        parts,
      });
    },
  };
}

function priceOf({ money }: ModelRelay, model: string): ModelPrice | undefined {
  return money !== undefined && Object.hasOwn(money.prices, model) ? money.prices[model] : undefined;
}

function callOf(relay: ModelRelay, path: string, body: Buffer): Dial {
  const base = new URL(relay.baseUrl);
  const host = base.hostname.replace(/^\[|\]$/g, "");
  const isTls = base.protocol === "https:";
  return {
    scheme: isTls ? "https" : "http",
    host,
    port: base.port === "" ? (isTls ? 443 : 80) : Number(base.port),
    address: host,
    method: "POST",
    path: `${base.pathname.replace(/\/(?:v1\/?)?$/, "")}${path}`,
    headers: { "content-type": "application/json", "accept-encoding": "identity", ...credential(relay) },
    body,
    deadlineMs: DEADLINE_MS,
  };
}

function credential(relay: ModelRelay): Record<string, string> {
  if (relay.kind === "openai") return { authorization: `Bearer ${relay.key}` };
  return { "x-api-key": relay.key, "anthropic-version": ANTHROPIC_VERSION };
}

type Passing = { sandbox: string; bill: Bill; guard: KeyGuard; reader: UsageReader; trail: Trail; parts: ModelParts };

/** The server's answer as the sandbox may see it. An error costs nothing; a good one that breaks off costs all that was reserved. */
function passedOn(response: UpstreamResponse, { sandbox, bill, guard, reader, trail, parts }: Passing): Answer {
  const code = codeOf(response.statusCode);
  const isPaid = code >= 200 && code < 300;
  const headers = pick(response.headers, DOWN);
  const stop = (reason: "model-key-refused" | "model-key-echoed" | "upstream-broken"): Answer => {
    bill.settle(isPaid ? "unsaid" : "nothing");
    response.letGo();
    return refuse(reason, trail);
  };
  // A vendor's words about a key that it does not take repeat parts of it.
  if (code === 401) return stop("model-key-refused");
  if (guard.holds(Object.values(headers).join("\n"))) {
    parts.onKeyEchoed(sandbox, "headers");
    return stop("model-key-echoed");
  }
  // Not asked for, and neither the key nor the cost could be seen in it.
  if (!["", "identity"].includes(response.headers["content-encoding"] ?? "")) return stop("upstream-broken");
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      if (isPaid) reader.take(chunk);
      pass(null, chunk);
    },
  });
  const guarded = guard.stream();
  const source = response.body();
  // Any other error is the reader's to see: it is the answer's, broken off.
  pipeline(source, meter, guarded, (error) => {
    if (error instanceof KeyEchoed) parts.onKeyEchoed(sandbox, "body");
  });
  const done = (): void => {
    bill.settle(isPaid ? (reader.usage() ?? "unsaid") : "nothing");
    source.destroy();
  };
  return { status: "ready", code, headers, body: { source: guarded, bytesMax: ANSWER_BYTES_MAX, done }, trail };
}
