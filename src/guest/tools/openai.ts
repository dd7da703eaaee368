import type { Call } from "./order.ts";
import { asAnswer, asTool, at, type Dialect, listAt, streamTo, textsOf } from "./protocol.ts";
import type { OfferedTool } from "./transcript.ts";

/** The Responses API (platform.openai.com/docs/api-reference/responses-streaming), as Codex speaks it: always streamed. */
export const openai: Dialect = {
  protocol: "openai",
  isTurn: (method, path) => method === "POST" && path.split("?")[0] === "/v1/responses",
  toolsIn: (body) => listAt(body, "tools").flatMap((tool) => toolsOf(tool, "")),
  answersIn: (body) =>
    listAt(body, "input")
      .filter((item) => ["function_call_output", "custom_tool_call_output"].includes(String(at(item, "type"))))
      .map((item) => {
        const text = textsOf(at(item, "output"));
        return asAnswer(text, FAILED.test(text));
      }),
  vendorToolsIn: (body) =>
    listAt(body, "tools")
      .filter((tool) => at(tool, "name") === undefined && !OF_THE_AGENT.has(at(tool, "type")))
      .map((tool) => String(at(tool, "type"))),
  saidByUser: (body) =>
    listAt(body, "input")
      .filter((item) => at(item, "type") === "message" && at(item, "role") === "user")
      .map((item) => textsOf(at(item, "content")))
      .join("\n"),
  reply(response, said, { body }) {
    const event = streamTo(response);
    const send = (type: string, data: object) => event(type, { type, ...data });
    const id = "resp_scripted";
    const item =
      "call" in said
        ? itemOf(said.call, said.index)
        : {
            type: "message",
            id: "msg_scripted",
            role: "assistant",
            status: "completed",
            content: [{ type: "output_text", text: said.text, annotations: [] }],
          };
    const usage = {
      input_tokens: 1,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 1,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 2,
    };
    send("response.created", { response: { id, model: at(body, "model"), status: "in_progress" } });
    send("response.output_item.added", { output_index: 0, item });
    send("response.output_item.done", { output_index: 0, item });
    send("response.completed", { response: { id, status: "completed", output: [item], usage } });
    response.end();
  },
};

/** Tools without a name that the agent carries out by itself. */
const OF_THE_AGENT: ReadonlySet<unknown> = new Set(["local_shell", "custom", "function", "namespace"]);

/** Codex tells a failure in the text of its answer alone. */
const FAILED =
  /Process exited with code (?!0\b)\d+|Exit code: (?!0\b)\d+|^(?:failed|error|rejected|Err)\b|isError": ?true/im;

/** A namespace holds tools of its own, an MCP server's for one; a call names both with a dot between them here. */
const NAMESPACED = ".";

function toolsOf(tool: unknown, within: string): OfferedTool[] {
  const name = at(tool, "name");
  if (at(tool, "type") === "namespace")
    return listAt(tool, "tools").flatMap((inner) => toolsOf(inner, `${String(name)}${NAMESPACED}`));
  return typeof name === "string" ? asTool(`${within}${name}`, at(tool, "parameters")) : [];
}

function itemOf({ tool, input }: Call, index: number): Record<string, unknown> {
  const dot = tool.indexOf(NAMESPACED);
  const named = dot < 0 ? { name: tool } : { namespace: tool.slice(0, dot), name: tool.slice(dot + 1) };
  const about = { call_id: `call_${index}`, status: "completed", ...named };
  if (typeof input === "string") return { type: "custom_tool_call", id: `ctc_${index}`, input, ...about };
  return { type: "function_call", id: `fc_${index}`, arguments: JSON.stringify(input), ...about };
}
