// An MCP server over standard input and output: one JSON-RPC 2.0 message a line, two tools that only read.
import { createInterface } from "node:readline";
import { allTickets, ticketsIn } from "../../src/tickets.mjs";

const TOOLS = [
  {
    name: "list_tickets",
    description: "Lists the tickets of the desk, all or those in one state.",
    inputSchema: { type: "object", properties: { state: { type: "string", enum: ["open", "closed"] } } },
    annotations: { readOnlyHint: true },
  },
  {
    name: "show_ticket",
    description: "Shows one ticket by its number.",
    inputSchema: { type: "object", properties: { id: { type: "integer" } }, required: ["id"] },
    annotations: { readOnlyHint: true },
  },
];

const VERSIONS = ["2025-06-18", "2025-03-26", "2024-11-05"];

const METHODS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion: VERSIONS.includes(protocolVersion) ? protocolVersion : VERSIONS[0],
    capabilities: { tools: {} },
    serverInfo: { name: "tickets", version: "1.3.0" },
  }),
  ping: () => ({}),
  "tools/list": () => ({ tools: TOOLS }),
  "tools/call": async ({ name, arguments: given = {} }) => {
    if (name === "list_tickets") {
      return text(given.state === undefined ? await allTickets() : await ticketsIn(given.state));
    }
    if (name === "show_ticket") {
      const ticket = (await allTickets()).find((candidate) => candidate.id === given.id);
      return ticket === undefined ? { ...text(`no ticket ${given.id}`), isError: true } : text(ticket);
    }
    throw Object.assign(new Error(`unknown tool: ${name}`), { code: -32602 });
  },
};

function text(value) {
  return { content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }] };
}

async function answer(line) {
  let message;
  try {
    message = JSON.parse(line);
  } catch (thrown) {
    return { jsonrpc: "2.0", id: null, error: { code: -32700, message: thrown.message } };
  }
  const { id, method, params = {} } = message;
  if (id === undefined) return undefined;
  if (!Object.hasOwn(METHODS, method)) {
    return { jsonrpc: "2.0", id, error: { code: -32601, message: `unknown method: ${method}` } };
  }
  try {
    return { jsonrpc: "2.0", id, result: await METHODS[method](params) };
  } catch (thrown) {
    return { jsonrpc: "2.0", id, error: { code: thrown.code ?? -32603, message: thrown.message } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue;
  const reply = await answer(line);
  if (reply !== undefined) process.stdout.write(`${JSON.stringify(reply)}\n`);
}
