import { asAnswer, asTool, at, type Dialect, listAt, sendJson, streamTo, textsOf } from "./protocol.ts";

/** generateContent and its streamed sister (ai.google.dev/api/generate-content), as Gemini CLI speaks them. */
export const gemini: Dialect = {
  protocol: "gemini",
  isTurn: (method, path) => method === "POST" && /:(?:streamG|g)enerateContent(?:\?|$)/.test(path),
  toolsIn: (body) =>
    listAt(body, "tools")
      .flatMap((tool) => listAt(tool, "functionDeclarations"))
      .flatMap((one) => asTool(at(one, "name"), at(one, "parametersJsonSchema") ?? at(one, "parameters"))),
  vendorToolsIn: (body) =>
    listAt(body, "tools").flatMap((tool) =>
      Object.keys(Object(tool)).filter((name) => name !== "functionDeclarations"),
    ),
  saidByUser: (body) =>
    listAt(body, "contents")
      .filter((content) => at(content, "role") === "user")
      .map((content) => textsOf(at(content, "parts")))
      .join("\n"),
  ending: { tool: "complete_task", input: { result: { response: "done" } } },
  answersIn: (body) =>
    listAt(body, "contents")
      .flatMap((content) => listAt(content, "parts"))
      .map((part) => at(part, "functionResponse"))
      .filter((answer) => answer !== undefined)
      .map((answer) => {
        const said = at(answer, "response");
        const error = at(said, "error");
        const text = error ?? at(said, "output") ?? said;
        return asAnswer(typeof text === "string" ? text : JSON.stringify(text ?? ""), error !== undefined);
      }),
  reply(response, said, { path }) {
    const part =
      "call" in said
        ? { functionCall: { id: `call_${said.index}`, name: said.call.tool, args: said.call.input } }
        : { text: said.text };
    const chunk = {
      candidates: [{ content: { role: "model", parts: [part] }, finishReason: "STOP", index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    };
    if (!path.includes(":streamGenerateContent")) return sendJson(response, 200, chunk);
    streamTo(response)(undefined, chunk);
    response.end();
  },
};
