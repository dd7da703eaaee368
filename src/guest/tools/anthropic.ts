import { asAnswer, asTool, at, type Dialect, listAt, sendJson, streamTo, textsOf } from "./protocol.ts";

/** The Messages API (docs.anthropic.com/en/api/messages-streaming), as Claude Code speaks it. */
export const anthropic: Dialect = {
  protocol: "anthropic",
  isTurn: (method, path) => method === "POST" && path.split("?")[0] === "/v1/messages",
  toolsIn: (body) =>
    listAt(body, "tools")
      .filter((tool) => !isOfTheVendor(tool))
      .flatMap((tool) => asTool(at(tool, "name"), at(tool, "input_schema"))),
  vendorToolsIn: (body) =>
    listAt(body, "tools")
      .filter(isOfTheVendor)
      .map((tool) => String(at(tool, "name"))),
  answersIn: (body) =>
    listAt(body, "messages")
      .filter((message) => at(message, "role") === "user")
      .flatMap((message) => listAt(message, "content"))
      .filter((block) => at(block, "type") === "tool_result")
      .map((block) => asAnswer(textsOf(at(block, "content")), at(block, "is_error") === true)),
  saidByUser: (body) =>
    listAt(body, "messages")
      .filter((message) => at(message, "role") === "user")
      .map((message) => textsOf(at(message, "content"), ["text"]))
      .join("\n"),
  reply(response, said, { body }) {
    const model = at(body, "model");
    const stop_reason = "call" in said ? "tool_use" : "end_turn";
    const block =
      "call" in said
        ? { type: "tool_use", id: `toolu_${said.index}`, name: said.call.tool, input: said.call.input }
        : { type: "text", text: said.text };
    const message = {
      id: "msg_scripted",
      type: "message",
      role: "assistant",
      model,
      content: [block],
      stop_reason,
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    };
    if (at(body, "stream") !== true) return sendJson(response, 200, message);
    const event = streamTo(response);
    const send = (type: string, data: object) => event(type, { type, ...data });
    send("message_start", { message: { ...message, content: [], stop_reason: null } });
    const start = "call" in said ? { ...block, input: {} } : { ...block, text: "" };
    const delta =
      "call" in said
        ? { type: "input_json_delta", partial_json: JSON.stringify(said.call.input) }
        : { type: "text_delta", text: said.text };
    send("content_block_start", { index: 0, content_block: start });
    send("content_block_delta", { index: 0, delta });
    send("content_block_stop", { index: 0 });
    send("message_delta", { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 1 } });
    send("message_stop", {});
    response.end();
  },
};

/** It has a type of its own and no parameters to fill (docs.anthropic.com, server tools). */
function isOfTheVendor(tool: unknown): boolean {
  return typeof at(tool, "type") === "string" && at(tool, "input_schema") === undefined;
}
