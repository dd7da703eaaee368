import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { anthropic } from "./anthropic.ts";
import { gemini } from "./gemini.ts";
import { openai } from "./openai.ts";
import { type Call, type Protocol, SUB_AGENT, type SubScript } from "./order.ts";
import { bodyOf, type Dialect, type Said, sendJson } from "./protocol.ts";
import type { Answer, Conversation, OfferedTool, Transcript } from "./transcript.ts";

const DIALECTS: Readonly<Record<Protocol, Dialect>> = { anthropic, openai, gemini };

type Script = { calls: readonly Call[]; subs: readonly SubScript[] };

export type Endpoint = AsyncDisposable & { url: string; seen(): Omit<Transcript, "end"> };

/**
 * A model that says what a script has it say, on a port of loopback. Which call is next is read off the conversation that the agent
 * sends with each request, so that a request made twice is answered twice the same way. A sub-agent holds a conversation of its own,
 * known by the word in its task.
 */
export async function scriptedModel(protocol: Protocol, { calls, subs }: Script): Promise<Endpoint> {
  const dialect = DIALECTS[protocol];
  const scripts = [{ marker: undefined, calls }, ...subs];
  const held = scripts.map((): Conversation => ({ tools: [], answers: [], turns: 0 }));
  const vendorTools = new Set<string>();
  const otherRequests = new Set<string>();
  const decided = (body: unknown, tools: OfferedTool[]): Said => {
    const told = dialect.saidByUser(body);
    const which = Math.max(
      0,
      scripts.findIndex(({ marker }) => marker !== undefined && told.includes(marker)),
    );
    const conversation = held[which];
    const script = scripts[which];
    if (conversation === undefined || script === undefined) throw new RangeError("there is no such conversation");
    const answers = dialect.answersIn(body);
    conversation.turns++;
    conversation.tools = tools.slice(0, 400);
    if (answers.length >= conversation.answers.length) conversation.answers = answers.slice(0, 400);
    const call = script.calls[answers.length];
    if (call !== undefined) return { call: filled(call, answers), index: answers.length };
    const { ending } = dialect;
    const mustEnd =
      which > 0 && answers.length === script.calls.length && tools.some(({ name }) => name === ending?.tool);
    return mustEnd && ending !== undefined ? { call: ending, index: answers.length } : { text: "done" };
  };
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const method = request.method ?? "";
    bodyOf(request).then(
      (body) => {
        if (!dialect.isTurn(method, path)) {
          if (otherRequests.size < 50) otherRequests.add(`${method} ${path.split("?")[0]}`.slice(0, 200));
          return sendJson(response, 404, { error: { type: "not_found_error", code: 404, message: "not here" } });
        }
        for (const name of dialect.vendorToolsIn(body))
          if (vendorTools.size < 50) vendorTools.add(name.slice(0, 300));
        const tools = dialect.toolsIn(body);
        // A title, a summary: the agent asks on the side, and a call would have nobody to make it.
        dialect.reply(response, tools.length === 0 ? { text: "ok" } : decided(body, tools), { body, path });
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen() {
      const [main = { tools: [], answers: [], turns: 0 }, ...others] = held.map((one) => ({ ...one }));
      return { ...main, subs: others, vendorTools: [...vendorTools], otherRequests: [...otherRequests] };
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** With the name that the agent gave to the sub-agent it started last, as Codex answers it. */
function filled(call: Call, answers: readonly Answer[]): Call {
  const named = answers.flatMap(({ text }) => /"agent_id"\s*:\s*"([\w-]{1,100})"/.exec(text)?.[1] ?? []).at(-1);
  if (named === undefined || typeof call.input === "string") return call;
  const put = (value: unknown): unknown =>
    value === SUB_AGENT ? named : Array.isArray(value) ? value.map(put) : value;
  return {
    ...call,
    input: Object.fromEntries(Object.entries(call.input).map(([name, value]) => [name, put(value)])),
  };
}
