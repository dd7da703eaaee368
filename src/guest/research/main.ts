import { askBroker, tellBroker } from "../proxy.ts";
import { Brief, type ResearchEnd } from "./brief.ts";
import { shelves } from "./library.ts";
import { type Conversation, converse, type Submitted } from "./model.ts";
import type { Reader } from "./reader.ts";
import { type ProposedCandidate, scripted } from "./scripted.ts";

/**
 * The researcher inside the lab. It fetches its brief from the broker, matches the catalogue by script, and then, when
 * a model is configured, lets the model look for what the script cannot see, and study sources. It only proposes.
 */
const brief = Brief.parse(await tellBroker("GET", "/v1/research/brief"));
let taken = 0;
for (const candidate of scripted(brief)) if ((await submit(candidate)).isTaken) taken++;
await tellBroker("POST", "/v1/research/done", await widen(taken));

async function widen(already: number): Promise<ResearchEnd> {
  if (brief.mode === "scripted") return { candidates: already, turns: 0, status: "finished", reason: "" };
  const { conversation, reader } = await modelOf(brief);
  const end = await converse(conversation, brief, { submit, shelves: shelves(brief, reader) });
  return { ...end, candidates: end.candidates + already };
}

/** A candidate that is not taken is no accident: the model is told, and goes on. */
async function submit(candidate: ProposedCandidate): Promise<Submitted> {
  const { status, body } = await askBroker("POST", "/v1/research/candidate", candidate);
  if (status >= 500) throw new Error(`the broker answered ${status} to a candidate: ${body.slice(0, 200)}`);
  return { isTaken: status === 200, text: body.slice(0, 300) };
}

/** The SDKs are large: a scripted study starts without them. */
async function modelOf(brief: Brief): Promise<{ conversation: Conversation; reader: Reader }> {
  if (brief.mode === "anthropic") {
    const { anthropicConversation, anthropicReader } = await import("./anthropic.ts");
    return { conversation: anthropicConversation(brief), reader: anthropicReader(brief) };
  }
  const { openaiConversation, openaiReader } = await import("./openai.ts");
  return { conversation: openaiConversation(brief), reader: openaiReader(brief) };
}
