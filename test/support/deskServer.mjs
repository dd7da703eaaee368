// An MCP server over standard input and output, as small as one can be: it reads a file and writes one, and checks nothing.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const TOOLS = [
  { name: "read_note", inputSchema: { type: "object", properties: { path: {} }, required: ["path"] } },
  {
    name: "write_note",
    inputSchema: { type: "object", properties: { path: {}, content: {} }, required: ["path", "content"] },
  },
  { name: "close_ticket", inputSchema: { type: "object", properties: { ticket: {} }, required: ["ticket"] } },
].map((tool) => ({ ...tool, description: "Of the desk." }));

const ANSWERS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "desk", version: "1" },
  }),
  "tools/list": () => ({ tools: TOOLS }),
  "tools/call": ({ name, arguments: given }) => {
    try {
      if (name === "write_note") writeFileSync(given.path, given.content);
      const text = name === "read_note" ? readFileSync(given.path, "utf8") : "done";
      return { content: [{ type: "text", text }] };
    } catch (error) {
      return { isError: true, content: [{ type: "text", text: String(error) }] };
    }
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined) continue;
  const answer = ANSWERS[method];
  const said = answer === undefined ? { error: { code: -32601, message: "no" } } : { result: answer(params) };
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...said })}\n`);
}
