// An MCP server over HTTP, as small as one can be: it reads and writes files of the machine that it runs on. The paths that it is told are
// those of a sandbox; its second argument says where they lie here.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const [port, map] = process.argv.slice(2);
const places = Object.entries(JSON.parse(map));
const placed = (path) => {
  const [inside, here] = places.find(([prefix]) => path.startsWith(prefix)) ?? ["", ""];
  return here + path.slice(inside.length);
};

const TOOLS = [
  { name: "read_note", inputSchema: { type: "object", properties: { path: {} }, required: ["path"] } },
  {
    name: "write_note",
    inputSchema: { type: "object", properties: { path: {}, content: {} }, required: ["path", "content"] },
  },
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
      if (name === "write_note") writeFileSync(placed(given.path), given.content);
      const said = name === "read_note" ? readFileSync(placed(given.path), "utf8") : "done";
      return { content: [{ type: "text", text: said }] };
    } catch (error) {
      return { isError: true, content: [{ type: "text", text: String(error) }] };
    }
  },
};

createServer(async (request, response) => {
  if (request.method !== "POST") return response.writeHead(405).end();
  const { id, method, params = {} } = JSON.parse(await text(request));
  if (id === undefined) return response.writeHead(202).end();
  const answer = ANSWERS[method];
  const said = answer === undefined ? { error: { code: -32601, message: "no" } } : { result: answer(params) };
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", id, ...said }));
}).listen(Number(port), "127.0.0.1");
