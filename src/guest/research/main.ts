import { messageOf } from "../../base/errors.ts";
import { tellBroker } from "../proxy.ts";
import { anthropicConversation } from "./anthropic.ts";
import { Brief, type ResearchEnd } from "./brief.ts";
import { converse } from "./model.ts";
import { openaiConversation } from "./openai.ts";
import { type ProposedCandidate, scripted } from "./scripted.ts";

/**
 * The researcher inside the lab. It fetches its brief from the broker, matches the catalogue by script, and then, when
 * a model is configured, lets the model look for what the script cannot see. It only proposes.
 */
const brief = Brief.parse(await tellBroker("GET", "/v1/research/brief"));
const script = scripted(brief);
for (const candidate of script) await submit(candidate);
await tellBroker("POST", "/v1/research/done", await widen(script.length));

async function widen(already: number): Promise<ResearchEnd> {
  if (brief.mode === "scripted") return { candidates: already, turns: 0, status: "finished", reason: "" };
  const conversation = brief.mode === "anthropic" ? anthropicConversation(brief) : openaiConversation(brief);
  try {
    const end = await converse(conversation, brief, submit);
    return { ...end, candidates: end.candidates + already };
  } catch (thrown) {
    return { candidates: already, turns: 0, status: "failed", reason: messageOf(thrown).slice(0, 400) };
  }
}

async function submit(candidate: ProposedCandidate): Promise<string> {
  return JSON.stringify(await tellBroker("POST", "/v1/research/candidate", candidate));
}
