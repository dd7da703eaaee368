// An MCP server as small as one can be: it reads a file and writes one, and checks nothing. Over standard input and output; with a port,
// over HTTP, and then its second argument says where the paths of a sandbox lie on the machine that it runs on.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

const [port, map = "{}"] = process.argv.slice(2);
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
      if (name === "write_note") writeFileSync(placed(given.path), given.content);
      const said = name === "read_note" ? readFileSync(placed(given.path), "utf8") : "done";
      return { content: [{ type: "text", text: said }] };
    } catch (error) {
      return { isError: true, content: [{ type: "text", text: String(error) }] };
    }
  },
};

/** Undefined for a notification, which nobody answers. */
function answerTo(message) {
  const { id, method, params = {} } = JSON.parse(message);
  if (id === undefined) return undefined;
  const answer = ANSWERS[method];
  const said = answer === undefined ? { error: { code: -32601, message: "no" } } : { result: answer(params) };
  return JSON.stringify({ jsonrpc: "2.0", id, ...said });
}

if (port === undefined) {
  for await (const line of createInterface({ input: process.stdin })) {
    const said = answerTo(line);
    if (said !== undefined) process.stdout.write(`${said}\n`);
  }
} else {
  createServer(async (request, response) => {
    if (request.method !== "POST") return response.writeHead(405).end();
    const said = answerTo(await text(request));
    if (said === undefined) return response.writeHead(202).end();
    response.writeHead(200, { "content-type": "application/json" }).end(said);
  }).listen(Number(port), "127.0.0.1");
}
