import { askBroker, tellBroker } from "../proxy.ts";
import { Brief, type ResearchEnd } from "./brief.ts";
import { type Conversation, converse, type Submitted } from "./model.ts";
import { type ProposedCandidate, scripted } from "./scripted.ts";

/**
 * The researcher inside the lab. It fetches its brief from the broker, matches the catalogue by script, and then, when
 * a model is configured, lets the model look for what the script cannot see. It only proposes.
 */
const brief = Brief.parse(await tellBroker("GET", "/v1/research/brief"));
let taken = 0;
for (const candidate of scripted(brief)) if ((await submit(candidate)).isTaken) taken++;
await tellBroker("POST", "/v1/research/done", await widen(taken));

async function widen(already: number): Promise<ResearchEnd> {
  if (brief.mode === "scripted") return { candidates: already, turns: 0, status: "finished", reason: "" };
  const end = await converse(await conversationOf(brief), brief, submit);
  return { ...end, candidates: end.candidates + already };
}

/** A candidate that is not taken is no accident: the model is told, and goes on. */
async function submit(candidate: ProposedCandidate): Promise<Submitted> {
  const { status, body } = await askBroker("POST", "/v1/research/candidate", candidate);
  if (status >= 500) throw new Error(`the broker answered ${status} to a candidate: ${body.slice(0, 200)}`);
  return { isTaken: status === 200, text: body.slice(0, 300) };
}

/** The SDKs are large: a scripted study starts without them. */
async function conversationOf(brief: Brief): Promise<Conversation> {
  if (brief.mode === "anthropic") return (await import("./anthropic.ts")).anthropicConversation(brief);
  return (await import("./openai.ts")).openaiConversation(brief);
}
