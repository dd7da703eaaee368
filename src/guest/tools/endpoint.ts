import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { anthropic } from "./anthropic.ts";
import { gemini } from "./gemini.ts";
import { openai } from "./openai.ts";
import type { Call, Protocol } from "./order.ts";
import { bodyOf, type Dialect, sendJson } from "./protocol.ts";
import type { Answer, OfferedTool } from "./transcript.ts";

const DIALECTS: Readonly<Record<Protocol, Dialect>> = { anthropic, openai, gemini };

export type Endpoint = AsyncDisposable & {
  url: string;
  seen(): { tools: OfferedTool[]; answers: Answer[]; turns: number; otherRequests: string[] };
};

/**
 * A model that says what a script has it say, on a port of loopback. Which call is next is read off the conversation that the agent
 * sends with each request, so that a request made twice is answered twice the same way.
 */
export async function scriptedModel(protocol: Protocol, calls: readonly Call[]): Promise<Endpoint> {
  const dialect = DIALECTS[protocol];
  const seen = { tools: [] as OfferedTool[], answers: [] as Answer[], turns: 0, otherRequests: [] as string[] };
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const method = request.method ?? "";
    bodyOf(request).then(
      (body) => {
        if (!dialect.isTurn(method, path)) {
          const other = `${method} ${path.split("?")[0]}`.slice(0, 200);
          if (!seen.otherRequests.includes(other) && seen.otherRequests.length < 50) seen.otherRequests.push(other);
          return sendJson(response, 404, { error: { type: "not_found_error", code: 404, message: "not here" } });
        }
        const tools = dialect.toolsIn(body);
        // A title, a summary: the agent asks on the side, and a call would have nobody to make it.
        if (tools.length === 0) return dialect.reply(response, { text: "ok" }, { body, path });
        const answers = dialect.answersIn(body);
        seen.turns++;
        seen.tools = tools.slice(0, 400);
        if (answers.length >= seen.answers.length) seen.answers = answers.slice(0, 400);
        const call = calls[answers.length];
        const said = call === undefined ? { text: "done" } : { call, index: answers.length };
        dialect.reply(response, said, { body, path });
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen: () => ({ ...seen, answers: [...seen.answers] }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
