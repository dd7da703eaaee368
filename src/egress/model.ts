import type { IncomingHttpHeaders } from "node:http";
import { Transform } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { type Answer, NO_TRAIL, refuse } from "./answer.ts";
import { jsonOf } from "./body.ts";
import { type Budget, type Reservation, tokenBudget } from "./budget.ts";
import { codeOf, pick } from "./forward.ts";
import type { ModelRelay } from "./messages.ts";
import { checkModelRequest, isModelPath } from "./modelRequest.ts";
import { type UsageReader, usageReader } from "./modelUsage.ts";
import { dial } from "./upstream.ts";

/**
 * `model.weakdoor.internal`, for the lab: passes a checked call on to the configured server with the key that only this
 * process knows, and its answer back as it comes. The server's address is the operator's own choice, so its class is
 * not looked at: a local model is one.
 */
export type ModelDesk = {
  answer(request: ModelRequest): Promise<Answer>;
};

type ModelRequest = {
  method: string;
  path: string;
  query: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  signal: AbortSignal;
};

export const MODEL_BYTES_MAX = 8 * 1024 * 1024;

const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
const DEADLINE_MS = 600_000;
const DOWN = ["content-type", "date", "request-id", "retry-after", "x-request-id"];
/** A token is seldom shorter than three bytes of JSON; what this misses, `usage` puts right after the call. */
const BYTES_PER_TOKEN = 3;
const ANTHROPIC_VERSION = "2023-06-01";

export function modelDesk(relay: ModelRelay | null, certificates: readonly string[], clock: Clock): ModelDesk {
  if (relay === null) return { answer: async () => refuse("model-not-configured") };
  const base = new URL(relay.baseUrl);
  const budget = tokenBudget(relay.tokensMax);
  return {
    async answer(request) {
      const { method, path, query, body, signal } = request;
      if (method !== "POST" || query !== "" || !isModelPath(relay.kind, path)) return refuse("route-unknown");
      const check = checkModelRequest(path, jsonOf(body), relay.models);
      if (check.status === "refused") {
        return { status: "refused", reason: "model-request", sentence: check.reason, trail: NO_TRAIL };
      }
      const text = Buffer.from(JSON.stringify(check.body));
      const reservation = reserve(budget, text.length, check.outputTokensMax);
      if (reservation === null) return refuse("model-budget");
      const startedAt = clock.monotonicMs();
      const dialed = await dial(
        {
          scheme: base.protocol === "https:" ? "https" : "http",
          host: base.hostname.replace(/^\[|\]$/g, ""),
          port: base.port === "" ? (base.protocol === "https:" ? 443 : 80) : Number(base.port),
          address: base.hostname.replace(/^\[|\]$/g, ""),
          method: "POST",
          path: `${base.pathname.replace(/\/(?:v1\/?)?$/, "")}${path}`,
          headers: { "content-type": "application/json", "accept-encoding": "identity", ...credential(relay) },
          body: text,
          deadlineMs: DEADLINE_MS,
          certificates,
        },
        signal,
      );
      const trail = { ...NO_TRAIL, dialed: base.host, connectMs: clock.monotonicMs() - startedAt };
      if (dialed.status === "failed") {
        reservation.settle(dialed.wasConnected ? null : 0);
        return refuse("upstream-unreachable", trail);
      }
      const code = codeOf(dialed.response.statusCode);
      const isPaid = code >= 200 && code < 300;
      const reader = usageReader(check.isStreaming);
      return {
        status: "ready",
        code,
        headers: pick(dialed.response.headers, DOWN),
        body: {
          source: isPaid ? metered(dialed.response, reader) : dialed.response,
          bytesMax: ANSWER_BYTES_MAX,
          done: () => {
            reservation.settle(isPaid ? reader.tokens() : 0);
            dialed.response.destroy();
          },
        },
        trail,
      };
    },
  };
}

function reserve(budget: Budget, bodyBytes: number, outputTokensMax: number): Reservation | null {
  return budget.reserve(Math.ceil(bodyBytes / BYTES_PER_TOKEN) + outputTokensMax);
}

function credential(relay: ModelRelay): Record<string, string> {
  if (relay.kind === "openai") return { authorization: `Bearer ${relay.key}` };
  return { "x-api-key": relay.key, "anthropic-version": ANTHROPIC_VERSION };
}

function metered(response: NodeJS.ReadableStream, reader: UsageReader): Transform {
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      reader.take(chunk);
      pass(null, chunk);
    },
  });
  response.on("error", (error) => meter.destroy(error));
  return response.pipe(meter);
}
