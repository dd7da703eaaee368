import type { Brief, ResearchEnd } from "./brief.ts";
import type { ProposedCandidate } from "./scripted.ts";
import { callTool, type ToolOutcome } from "./tools.ts";

/** One call of a tool that the model asked for. */
export type ToolCall = { id: string; name: string; input: unknown };

/** What the model said in one turn, the same for every provider. */
export type Turn =
  | { status: "calls"; calls: ToolCall[] }
  | { status: "ended" }
  /** It would not do the work. Recorded, never rephrased, never sent to another model. */
  | { status: "declined"; reason: string }
  | { status: "refused"; reason: string };

/** A conversation with one provider: it keeps its own messages in its own format. */
export type Conversation = {
  /** Sends what was answered to the last turn's calls (empty at the start) and returns what the model says next. */
  next(answers: { id: string; text: string }[]): Promise<Turn>;
};

/** The loop is the same for every model: ask, answer its calls, hand on its candidates, end. */
export async function converse(
  conversation: Conversation,
  brief: Brief,
  submit: (candidate: ProposedCandidate) => Promise<string>,
): Promise<ResearchEnd> {
  let candidates = 0;
  let answers: { id: string; text: string }[] = [];
  for (let turns = 1; turns <= brief.turnsMax; turns++) {
    const turn = await conversation.next(answers);
    if (turn.status === "ended") return { candidates, turns, status: "finished", reason: "" };
    if (turn.status === "declined")
      return { candidates, turns, status: "declined", reason: turn.reason.slice(0, 400) };
    if (turn.status === "refused")
      return { candidates, turns, status: "cut-by-budget", reason: turn.reason.slice(0, 400) };
    answers = [];
    let isFinished = false;
    for (const call of turn.calls) {
      const outcome: ToolOutcome = callTool(call.name, call.input, brief);
      if (outcome.status === "finish") isFinished = true;
      if (outcome.status === "candidate") candidates++;
      const text =
        outcome.status === "candidate"
          ? await submit(outcome.candidate)
          : outcome.status === "answer"
            ? outcome.text
            : "";
      answers.push({ id: call.id, text });
    }
    if (isFinished) return { candidates, turns, status: "finished", reason: "" };
  }
  return {
    candidates,
    turns: brief.turnsMax,
    status: "cut-by-budget",
    reason: `${brief.turnsMax} turns were used up`,
  };
}
