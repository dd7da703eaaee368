import { checkOf } from "../observation.ts";
import type { Brief } from "./brief.ts";
import type { ProposedCandidate } from "./scripted.ts";

/**
 * The model's whole world: three lookups and a way to end. No shell, no URL, no file. Whatever it sends is data, and
 * an answer is always text; a call that does not fit is told so and costs a turn.
 */
export type ToolDefinition = { name: string; description: string; parameters: Record<string, unknown> };

export const TOOLS: readonly ToolDefinition[] = [
  {
    name: "list_observations",
    description: "Measured rows, at most 200 at a time, optionally of one check.",
    parameters: object({ check: { type: "string" }, offset: { type: "integer", minimum: 0 } }, []),
  },
  {
    name: "list_weaknesses",
    description: "The catalogue: id, title and condition of each known weakness.",
    parameters: object({}, []),
  },
  {
    name: "propose_candidate",
    description: "Hand in one weakness with the observations that bear it out.",
    parameters: object(
      {
        weakness: { type: "string" },
        observations: { type: "array", items: { type: "string" }, minItems: 1, maxItems: 200 },
        note: { type: "string", maxLength: 600 },
      },
      ["weakness", "observations"],
    ),
  },
  { name: "finish", description: "End the study.", parameters: object({}, []) },
];

const ROWS_MAX = 200;

export type ToolOutcome =
  | { status: "answer"; text: string }
  | { status: "candidate"; candidate: ProposedCandidate }
  | { status: "finish" };

/** What one tool call means. Never throws: a wrong call is answered in words. */
export function callTool(name: string, input: unknown, brief: Brief): ToolOutcome {
  const fields = isRecord(input) ? input : {};
  switch (name) {
    case "list_observations": {
      const rows = brief.observations.filter(
        (row) => typeof fields.check !== "string" || checkOf(row.id) === fields.check,
      );
      const offset = typeof fields.offset === "number" && fields.offset >= 0 ? Math.floor(fields.offset) : 0;
      return answer({ total: rows.length, offset, rows: rows.slice(offset, offset + ROWS_MAX) });
    }
    case "list_weaknesses":
      return answer(brief.weaknesses);
    case "propose_candidate":
      return proposal(fields);
    case "finish":
      return { status: "finish" };
    default:
      return { status: "answer", text: `there is no tool ${name.slice(0, 60)}` };
  }
}

function proposal(fields: Record<string, unknown>): ToolOutcome {
  const { weakness, observations, note } = fields;
  const isListOfText = Array.isArray(observations) && observations.every((id) => typeof id === "string");
  if (typeof weakness !== "string" || !isListOfText || observations.length === 0) {
    return { status: "answer", text: "propose_candidate takes weakness (text) and observations (a list of ids)" };
  }
  const candidate = {
    weakness: weakness.slice(0, 80),
    observations: observations.slice(0, 200),
    note: typeof note === "string" ? note.slice(0, 600) : "",
  };
  return { status: "candidate", candidate };
}

function answer(value: unknown): ToolOutcome {
  return { status: "answer", text: JSON.stringify(value) };
}

function object(properties: Record<string, unknown>, required: string[]): Record<string, unknown> {
  return { type: "object", properties, required, additionalProperties: false };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
