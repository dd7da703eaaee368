import { z } from "zod";
import { oneLine } from "../../base/text.ts";
import { checkOf, Verdict } from "../observation.ts";
import type { Brief } from "./brief.ts";
import { Cite, Question } from "./reading.ts";
import { CITED_MAX, type ProposedCandidate } from "./scripted.ts";

/**
 * The deciding model's whole world: lookups, sources by their id, a way to propose, and a way to end. No shell, no URL, no
 * file. Whatever it sends is data, and an answer is always text; a call that does not fit is told so and costs a turn.
 */
const ListObservations = z.strictObject({
  check: z.string().max(100).optional(),
  verdict: Verdict.optional(),
  offset: z.int().min(0).max(1_000_000).optional(),
});
const ProposeCandidate = z.strictObject({
  weakness: z.string().max(80),
  observations: z.array(z.string().max(240)).min(1).max(CITED_MAX),
  note: z.string().max(600).optional(),
  cites: z.array(Cite).max(20).optional(),
});
/** `params` goes to the gateway as it is, and fits the source's own patterns there or is refused. */
const StudySource = z.strictObject({
  source: z.string().max(60),
  params: z.record(z.string().max(40), z.union([z.string().max(200), z.number()])).default({}),
  from: z.enum(["live", "kept", "snapshot"]).default("live"),
  offset: z.int().min(0).max(100_000).default(0),
  question: Question,
  about: z.array(z.string().max(80)).min(1).max(10),
});
export type StudyOfSource = z.infer<typeof StudySource>;
const Nothing = z.strictObject({});

/** A page is small because a conversation is sent anew, whole, with every turn. */
const ROWS_MAX = 50;

/** What a provider is told of a tool; `parameters` is JSON Schema. */
export type ToolDefinition = {
  name: string;
  description: string;
  parameters: { type: "object"; [key: string]: unknown };
};

export const TOOLS: readonly ToolDefinition[] = [
  tool(
    "list_observations",
    `Measured rows, ${ROWS_MAX} at a time from offset on; of one check or of one verdict if given.`,
    ListObservations,
  ),
  tool("list_weaknesses", "The catalogue: id, title and condition of each known weakness.", Nothing),
  tool("list_sources", "The public sources that may be studied: id, parameters, age of what is kept.", Nothing),
  tool(
    "study_source",
    "Has documents of one source read by readers of their own; one question about one to ten weaknesses. Answers with the claims that hold, never with text.",
    StudySource,
  ),
  tool(
    "propose_candidate",
    "Hand in one weakness with the observations that bear it out, and the claims on that weakness that it rests on.",
    ProposeCandidate,
  ),
  tool("finish", "End the study.", Nothing),
];

export type ToolOutcome =
  | { status: "answer"; text: string }
  | { status: "candidate"; candidate: ProposedCandidate }
  | { status: "sources" }
  | { status: "study"; wanted: StudyOfSource }
  | { status: "finish" };

/** What one tool call means. Never throws: a wrong call is answered in words. */
export function callTool(name: string, input: unknown, brief: Brief): ToolOutcome {
  switch (name) {
    case "list_observations":
      return fitting(name, ListObservations, input, (wanted) => page(brief, wanted));
    case "list_weaknesses":
      return fitting(name, Nothing, input, () => answer(brief.weaknesses));
    case "list_sources":
      return fitting(name, Nothing, input, () => ({ status: "sources" }));
    case "study_source":
      return fitting(name, StudySource, input, (wanted) => ({ status: "study", wanted }));
    case "propose_candidate":
      return fitting(name, ProposeCandidate, input, ({ weakness, observations, note, cites }) => ({
        status: "candidate",
        candidate: { weakness, observations, note: note ?? "", cites: cites ?? [] },
      }));
    case "finish":
      return { status: "finish" };
    default:
      return { status: "answer", text: `there is no tool ${oneLine(name, 60)}` };
  }
}

function fitting<T>(name: string, shape: z.ZodType<T>, input: unknown, then: (value: T) => ToolOutcome): ToolOutcome {
  const parsed = shape.safeParse(input);
  if (parsed.success) return then(parsed.data);
  const issue = parsed.error.issues[0];
  const place = issue === undefined || issue.path.length === 0 ? "its arguments" : issue.path.join(".");
  return { status: "answer", text: oneLine(`${name} does not take this, see ${place}: ${issue?.message}`) };
}

function page(brief: Brief, { check, verdict, offset = 0 }: z.infer<typeof ListObservations>): ToolOutcome {
  const rows = brief.observations.filter(
    (row) => (check === undefined || checkOf(row.id) === check) && (verdict === undefined || row.verdict === verdict),
  );
  const shown = rows.slice(offset, offset + ROWS_MAX);
  return answer({
    total: rows.length,
    offset,
    rows: shown.map(({ id, from, subject, verdict: seen, access, detail }) => ({
      id,
      from,
      subject,
      verdict: seen,
      access,
      detail,
    })),
  });
}

function answer(value: unknown): ToolOutcome {
  return { status: "answer", text: JSON.stringify(value) };
}

function tool(name: string, description: string, input: z.ZodType): ToolDefinition {
  const { $schema: _, ...schema } = z.toJSONSchema(input);
  return { name, description, parameters: { ...schema, type: "object" } };
}
