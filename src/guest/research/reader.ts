import type { StudiedWeakness } from "./brief.ts";
import type { Turn } from "./model.ts";
import { QUESTIONS, type Question, ReaderAnswer, type Reading } from "./reading.ts";

/** What a model without tools made of one message. */
export type Reply =
  | { status: "said"; text: string }
  /** It answered with a call. It was given no tools: something it read told it to. */
  | { status: "acted" }
  | Extract<Turn, { status: "declined" | "cut" | "failed" }>;

/** Asks in a conversation of its own: no tools, nothing said before, nothing kept. */
export type Reader = (message: string) => Promise<Reply>;

const ANSWER_CHARACTERS_MAX = 20_000;

/** Asks one question of one document. Whatever comes back is a reading; only `answered` has claims. */
export async function read(
  reader: Reader,
  material: string,
  question: Question,
  about: readonly StudiedWeakness[],
): Promise<Pick<Reading, "outcome" | "claims"> & { reason: string }> {
  const reply = await reader(messageOf(material, question, about));
  if (reply.status === "acted") return { outcome: "acted", claims: [], reason: "the reader called a tool" };
  if (reply.status !== "said") return { outcome: reply.status, claims: [], reason: reply.reason };
  const answer = ReaderAnswer.safeParse(jsonOf(reply.text));
  if (!answer.success) return { outcome: "unfit", claims: [], reason: "the reader's answer has another shape" };
  return { outcome: "answered", claims: answer.data.claims, reason: "" };
}

/** The question stands before and after the document, so that the last word is ours. */
function messageOf(material: string, question: Question, about: readonly StudiedWeakness[]): string {
  const list = about.map(({ id, title }) => `- ${id}: ${title}`).join("\n");
  return [QUESTIONS[question], list, "The document:", material, QUESTIONS[question]].join("\n\n");
}

/** Undefined when it is no JSON, or too long to be an answer. A fence around it is taken off: models like fences. */
function jsonOf(text: string): unknown {
  if (text.length > ANSWER_CHARACTERS_MAX) return undefined;
  const bare = /^```(?:json)?\n([\s\S]*)\n```$/.exec(text.trim())?.[1] ?? text;
  try {
    return JSON.parse(bare);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return undefined;
  }
}
