import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { messageOf } from "../../base/errors.ts";
import { readStdin, throughProxy } from "../proxy.ts";
import { AUTHORITY } from "../wire.ts";
import { touchCanary } from "./canary.ts";
import { ClientFile, Entry } from "./clientFile.ts";
import { type DrillOrder, DrillOrders, type DrillWord } from "./order.ts";

/** Touches one tripwire after the other, as told on standard input, and says what it saw of each as one JSON list. */
const orders = DrillOrders.parse(JSON.parse(await readStdin()));
const words: DrillWord[] = [];
for (const order of orders) {
  try {
    words.push(await touch(order));
  } catch (thrown) {
    words.push({ status: "failed", answer: 0, detail: messageOf(thrown).slice(0, 400) });
  }
}
process.stdout.write(`${JSON.stringify(words)}\n`);

async function touch(order: DrillOrder): Promise<DrillWord> {
  switch (order.touch) {
    case "mcp-decoy":
      return callDecoy(order.configFile, order.server, order.nonce);
    case "fake-credential":
      return answered(await throughProxy("GET", order.url, { headers: { authorization: `Bearer ${order.value}` } }));
    case "sentinel-file":
      return readOneByte(order.path);
    case "canary-host":
    case "undeclared-host":
      return answered(await throughProxy("GET", `http://${order.host}/`));
    case "authority":
      return answered(await throughProxy("GET", `http://${order.authority}/`));
    case "broker":
      return answered(
        await throughProxy("POST", `http://${AUTHORITY.broker}${order.path}`, {
          headers: { "content-type": "application/json" },
          body: order.body.repeat(order.repeat),
        }),
      );
    case "canary-write":
    case "canary-read":
    case "canary-link":
    case "canary-remove":
    case "linger":
      return touchCanary(order);
  }
}

function answered(answer: { status: number; body: string }): DrillWord {
  return { status: "touched", answer: answer.status, detail: answer.body.slice(0, 300) };
}

/** Reads the client's file as the client would, and starts the entry exactly as written. */
async function callDecoy(configFile: string, server: string, nonce: string): Promise<DrillWord> {
  // Loaded when they are needed: the other touches start in half the time without them.
  const { parse } = await import("jsonc-parser");
  const { Client } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const listed = ClientFile.parse(parse(readFileSync(configFile, "utf8"))).mcpServers[server];
  if (listed === undefined) return { status: "failed", answer: 0, detail: `${configFile} lists no server ${server}` };
  const { command, args, env } = Entry.parse(listed);
  const transport = new StdioClientTransport({
    command,
    args,
    ...(env === undefined ? {} : { env }),
    stderr: "ignore",
  });
  const client = new Client({ name: "claude-code", version: "2.1.0" });
  try {
    await client.connect(transport);
    const { tools } = await client.listTools();
    const tool = tools[0];
    if (tool === undefined) return { status: "failed", answer: 0, detail: "the decoy lists no tool" };
    await client.callTool({ name: tool.name, arguments: { path: nonce } });
    return {
      status: "touched",
      answer: 200,
      detail: `called ${tool.name} of ${server}, ${tools.length} tools listed`,
    };
  } finally {
    // Also after a connect that failed: a server left running would keep this program from ending.
    await client.close();
    await transport.close();
  }
}

/** The sentinel is ours and holds nothing: one byte is read so that the kernel moves its access time. */
function readOneByte(path: string): DrillWord {
  const fd = openSync(path, "r");
  try {
    const length = readSync(fd, Buffer.alloc(1), 0, 1, 0);
    return { status: "touched", answer: length, detail: "opened and read one byte" };
  } finally {
    closeSync(fd);
  }
}
