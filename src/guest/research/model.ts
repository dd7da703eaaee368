import { z } from "zod";
import type { Brief, ResearchEnd } from "./brief.ts";
import type { Shelves } from "./library.ts";
import type { ProposedCandidate } from "./scripted.ts";
import { callTool } from "./tools.ts";

/** One call of a tool that the model asked for. */
export type ToolCall = { id: string; name: string; input: unknown };

export type ToolAnswer = { id: string; text: string };

/** What the model said in one turn, the same for every provider. */
export type Turn =
  | { status: "calls"; calls: ToolCall[] }
  | { status: "ended" }
  /** It would not do the work. Recorded, never rephrased, never sent to another model. */
  | { status: "declined"; reason: string }
  /** The cycle's tokens or the answer's length are used up. */
  | { status: "cut"; reason: string }
  /** The server cannot be reached, answers with an error or in another shape, or the gateway refused what we sent. */
  | { status: "failed"; reason: string };

/** A conversation with one provider: it keeps its own messages in its own format. */
export type Conversation = {
  /** Sends what was answered to the last turn's calls (empty at the start) and returns what the model says next. */
  next(answers: ToolAnswer[]): Promise<Turn>;
};

/** What the broker made of a candidate, in words for the model. */
export type Submitted = { isTaken: boolean; text: string };

const CALLS_PER_TURN_MAX = 32;

/** What a call may reach outside of the conversation. */
export type Outside = { submit(candidate: ProposedCandidate): Promise<Submitted>; shelves: Shelves };

/** The loop is the same for every model: ask, answer its calls, hand on its candidates, end. `candidates` counts what was taken. */
export async function converse(conversation: Conversation, brief: Brief, outside: Outside): Promise<ResearchEnd> {
  let candidates = 0;
  let answers: ToolAnswer[] = [];
  for (let turns = 1; turns <= brief.turnsMax; turns++) {
    const turn = await conversation.next(answers);
    if (turn.status !== "calls") return { candidates, turns, ...endOf(turn) };
    answers = [];
    let isFinished = false;
    for (const [index, { id, name, input }] of turn.calls.entries()) {
      if (index >= CALLS_PER_TURN_MAX) {
        answers.push({ id, text: `at most ${CALLS_PER_TURN_MAX} calls a turn` });
        continue;
      }
      const outcome = callTool(name, input, brief);
      if (outcome.status === "finish") isFinished = true;
      else if (outcome.status === "answer") answers.push({ id, text: outcome.text });
      else if (outcome.status === "sources") answers.push({ id, text: await outside.shelves.list() });
      else if (outcome.status === "study") answers.push({ id, text: await outside.shelves.study(outcome.wanted) });
      else {
        const { isTaken, text } = await outside.submit(outcome.candidate);
        if (isTaken) candidates++;
        answers.push({ id, text });
      }
    }
    if (isFinished) return { candidates, turns, status: "finished", reason: "" };
  }
  const reason = `${brief.turnsMax} turns were used up`;
  return { candidates, turns: brief.turnsMax, status: "cut-by-budget", reason };
}

function endOf(turn: Exclude<Turn, { status: "calls" }>): Pick<ResearchEnd, "status" | "reason"> {
  if (turn.status === "ended") return { status: "finished", reason: "" };
  return { status: turn.status === "cut" ? "cut-by-budget" : turn.status, reason: turn.reason.slice(0, 400) };
}

/** As the gateway words a refusal; one SDK hands on the whole body, the other what stands under `error`. */
const Inner = z.object({ type: z.literal("refused_by_gateway"), message: z.string() });
const RefusedByGateway = z.union([z.object({ error: Inner }).transform(({ error }) => error), Inner]);

const TOO_MANY_REQUESTS = 429;

/** What an SDK's error means, once its own retries are used up. Only the gateway's 429 is our budget; a vendor's is its rate limit. */
export function failureOf({
  status,
  error,
  message,
}: {
  status?: number;
  error?: unknown;
  message: string;
}): Extract<Turn, { status: "cut" | "failed" }> {
  const refused = RefusedByGateway.safeParse(error);
  if (!refused.success) return { status: "failed", reason: message };
  if (status === TOO_MANY_REQUESTS) return { status: "cut", reason: refused.data.message };
  return { status: "failed", reason: `the gateway refused the call: ${refused.data.message}` };
}
