import { constants } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Came, Sourced } from "./answer.ts";
import type { ForeignCredential } from "./credentials.ts";
import type { Exchange } from "./exchange.ts";
import { answerFor, type Reason } from "./reasons.ts";
import type { Greeted } from "./record.ts";

/** How an answer went down. */
export type Sent = {
  code: number;
  /** After the flow was opened: 0 but for a tunnel that is spliced, and a websocket. */
  bytesUp?: number;
  bytesDown: number;
  closedBy: "answer" | "guest" | "upstream" | "limit" | "gateway";
  /** What broke it after it had begun; null when nothing did. */
  reason: Reason | null;
  /** Of a tunnel. */
  greeted?: Greeted;
  /** Of others, in a message of a websocket: it was not passed on, and is why this ended. */
  credential?: ForeignCredential | null;
};

/** Sends an answer and waits until it is through or broken off. Never rejects: what breaks is the guest's or the host's doing. */
export async function send(
  stream: Exchange,
  answer: Answer,
  form: { asJson: boolean; isHead: boolean; carry?: Carry },
): Promise<Sent> {
  if (answer.status === "refused") {
    const { status, sentence } = answerFor(answer.reason);
    const [headers, body] = worded(answer.sentence ?? sentence, form.asJson);
    return sendWhole(stream, status, { ...headers, ...retryAfter(answer.retryAfterMs) }, body, form.isHead);
  }
  if (answer.status === "tunnel") return answer.run(stream);
  if (answer.body instanceof Uint8Array)
    return sendWhole(stream, answer.code, answer.headers, answer.body, form.isHead);
  if ("bytes" in answer.body) return sendCame(stream, answer.code, answer.headers, answer.body, form);
  return sendSourced(stream, answer.code, answer.headers, answer.body, form.isHead, form.carry);
}

/** RFC 9110, 10.2.3: whole seconds. */
function retryAfter(ms: number | undefined): Record<string, string> {
  return ms === undefined ? {} : { "retry-after": `${Math.max(1, Math.ceil(ms / 1_000))}` };
}

/** A model's SDK reads JSON and is told not to try again; everyone else reads a line. */
function worded(sentence: string, asJson: boolean): [Record<string, string>, Buffer] {
  if (!asJson) return [{ "content-type": "text/plain; charset=utf-8" }, Buffer.from(`${sentence}\n`)];
  const body = { type: "error", error: { type: "refused_by_gateway", message: sentence } };
  return [{ "content-type": "application/json", "x-should-retry": "false" }, Buffer.from(JSON.stringify(body))];
}

/** RFC 9110: these have no body, and HTTP/2 ends the stream with their headers. */
export const BODILESS: readonly number[] = [204, 205, 304];

async function sendWhole(
  stream: Exchange,
  code: number,
  headers: Record<string, string>,
  body: Uint8Array,
  isHead: boolean,
): Promise<Sent> {
  if (isGone(stream)) return { code, bytesDown: 0, closedBy: "guest", reason: null };
  const isEmpty = body.length === 0 || isHead || BODILESS.includes(code);
  stream.respond({ ":status": code, ...headers }, { endStream: isEmpty });
  if (!isEmpty) stream.end(body);
  await new Promise<void>((resolve) => {
    if (stream.writableFinished || stream.destroyed) return resolve();
    stream.once("finish", resolve).once("close", resolve);
  });
  // A guest that has all of it closes its stream in order, sometimes before the last write is told to be through.
  const isThrough =
    stream.writableFinished || (stream.writableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR);
  // Lets go of a guest that would go on sending its body.
  if (stream.endAfterHeaders !== true) stream.close(constants.NGHTTP2_NO_ERROR);
  return {
    code,
    bytesDown: isThrough && !isEmpty ? body.length : 0,
    closedBy: isThrough ? "answer" : "guest",
    reason: null,
  };
}

/** Reset by the guest, and perhaps not torn down yet: then no answer can begin. */
function isGone(stream: Exchange): boolean {
  return stream.destroyed || stream.closed;
}

/** Asked before bytes pass: how long they wait, or that they may not. */
export type Carry = (direction: "up" | "down", bytes: number) => Carried;
export type Carried = { status: "passes"; waitMs: number } | { status: "over"; reason: Reason };

async function sendCame(
  stream: Exchange,
  code: number,
  headers: Record<string, string>,
  { bytes, bytesMax }: Came,
  { isHead, carry }: { isHead: boolean; carry?: Carry },
): Promise<Sent> {
  const isBodiless = isHead || BODILESS.includes(code) || bytes.length === 0;
  if (isBodiless || isGone(stream)) return sendWhole(stream, code, headers, NOTHING, isHead);
  const over = (reason: Reason): Sent => {
    stream.respond({ ":status": code, ...headers });
    breakOff(stream);
    return { code, bytesDown: 0, closedBy: "limit", reason };
  };
  if (bytes.length > bytesMax) return over("response-too-long");
  const carried = carry?.("down", bytes.length) ?? PASSES;
  if (carried.status === "over") return over(carried.reason);
  if (carried.waitMs > 0) await sleep(carried.waitMs);
  return sendWhole(stream, code, headers, bytes, isHead);
}

const NOTHING = Buffer.alloc(0);
const PASSES: Carried = { status: "passes", waitMs: 0 };

/** With an error: without one the guest would take what it has for the whole answer. */
function breakOff(stream: Exchange): void {
  stream.once("error", () => undefined).destroy(new Error("the answer broke off"));
}

async function sendSourced(
  stream: Exchange,
  code: number,
  headers: Record<string, string>,
  sourced: Sourced,
  isHead: boolean,
  carry: Carry | undefined,
): Promise<Sent> {
  try {
    if (isHead || BODILESS.includes(code) || isGone(stream)) {
      return await sendWhole(stream, code, headers, NOTHING, isHead);
    }
    stream.respond({ ":status": code, ...headers });
    return { code, ...(await pour(sourced, stream, carry)) };
  } finally {
    sourced.done();
  }
}

/** The sizes and ends of what streams from the one to the other: a broken stream of either side is a result, not an accident. */
function pour(
  { source, bytesMax }: Sourced,
  stream: Exchange,
  carry: Carry | undefined,
): Promise<Omit<Sent, "code">> {
  let bytesDown = 0;
  let isEnded = false;
  let isOver = false;
  let held: NodeJS.Timeout | undefined;
  return new Promise((resolve) => {
    const settle = (closedBy: Sent["closedBy"], reason: Reason | null) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(held);
      resolve({ bytesDown, closedBy, reason });
      if (closedBy === "answer") return;
      breakOff(stream);
      source.destroy();
    };
    const pass = (chunk: Buffer) => {
      if (stream.destroyed || stream.write(chunk)) return;
      source.pause();
      stream.once("drain", () => source.resume());
    };
    source.on("data", (chunk: Buffer) => {
      if (isOver) return;
      if (bytesDown + chunk.length > bytesMax) return settle("limit", "response-too-long");
      const carried = carry?.("down", chunk.length) ?? PASSES;
      if (carried.status === "over") return settle("limit", carried.reason);
      bytesDown += chunk.length;
      if (carried.waitMs <= 0) return pass(chunk);
      source.pause();
      held = setTimeout(() => {
        source.resume();
        pass(chunk);
      }, carried.waitMs);
    });
    source.once("end", () => {
      isEnded = true;
      stream.end();
    });
    // A guest that left took its host with it.
    const onBroken = () => (stream.destroyed ? settle("guest", null) : settle("upstream", "upstream-broken"));
    source.on("error", onBroken);
    source.once("close", () => {
      if (!source.readableEnded) onBroken();
    });
    // Who resets a stream ends it, too.
    const onOver = () => settle(isEnded && stream.writableLength === 0 ? "answer" : "guest", null);
    stream.on("error", onOver).once("finish", onOver).once("close", onOver);
  });
}
