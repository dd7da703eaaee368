import { expect, test } from "vitest";
import { scriptedModel } from "../../../src/guest/tools/endpoint.ts";
import { type Protocol, SUB_AGENT } from "../../../src/guest/tools/order.ts";

const CALLS = [
  { tool: "look", input: { path: "/a" } },
  { tool: "servers.look", input: { path: "/b" } },
];

const SCRIPT = { calls: CALLS, subs: [] };

/** What an agent of each vendor sends: what it offers, and what came of the calls so far. */
type Sent = {
  path: string;
  body: (answers: string[]) => Record<string, unknown>;
  /** Of a stream, what holds the model's words. */
  turn: (text: string) => unknown;
};
const SENT: Record<Protocol, Sent> = {
  anthropic: {
    path: "/v1/messages?beta=true",
    body: (answers) => ({
      model: "m",
      stream: true,
      tools: [{ name: "look", input_schema: { properties: { path: {} }, required: ["path"] } }],
      messages: answers.map((content, i) => ({
        role: "user",
        content: [{ type: "tool_result", tool_use_id: `toolu_${i}`, is_error: content === "no", content }],
      })),
    }),
    turn: (text) => eventsOf(text),
  },
  openai: {
    path: "/v1/responses",
    body: (answers) => ({
      model: "m",
      stream: true,
      tools: [{ type: "function", name: "look", parameters: { properties: { path: {} }, required: ["path"] } }],
      input: answers.map((output) => ({
        type: "function_call_output",
        output: output === "no" ? "Process exited with code 1" : output,
      })),
    }),
    turn: (text) => eventsOf(text).find((event) => event["type"] === "response.output_item.done")?.["item"],
  },
  gemini: {
    path: "/v1beta/models/m:streamGenerateContent?alt=sse",
    body: (answers) => ({
      tools: [
        {
          functionDeclarations: [
            { name: "look", parametersJsonSchema: { properties: { path: {} }, required: ["path"] } },
          ],
        },
      ],
      contents: answers.map((output) => ({
        role: "user",
        parts: [{ functionResponse: { name: "look", response: output === "no" ? { error: output } : { output } } }],
      })),
    }),
    turn: (text) => eventsOf(text)[0],
  },
};

const PROTOCOLS = Object.keys(SENT) as Protocol[];

test.each(PROTOCOLS)(
  "over %s the calls come one a turn, and the same again for a request that is sent twice",
  async (protocol) => {
    await using model = await scriptedModel(protocol, SCRIPT);
    const ask = asking(model.url, protocol);
    expect(JSON.stringify(await ask([]))).toContain("/a");
    expect(JSON.stringify(await ask([]))).toContain("/a");
    expect(JSON.stringify(await ask(["yes"]))).toContain("/b");
    expect(JSON.stringify(await ask(["yes", "no"]))).toContain("done");
    expect(model.seen()).toMatchObject({
      tools: [{ name: "look", parameters: ["path"], required: ["path"] }],
      answers: [{ text: "yes", isError: false }, { isError: true }],
      turns: 4,
      otherRequests: [],
    });
  },
);

test("a server's tool of Codex is called in its namespace", async () => {
  await using model = await scriptedModel("openai", SCRIPT);
  expect(await asking(model.url, "openai")(["yes"])).toMatchObject({ namespace: "servers", name: "look" });
});

test.each(PROTOCOLS)(
  "over %s a request on the side gets a word and no call, and no turn is counted",
  async (protocol) => {
    await using model = await scriptedModel(protocol, SCRIPT);
    const { path, body, turn } = SENT[protocol];
    const said = await post(`${model.url}${path}`, { ...body([]), tools: [] });
    expect(JSON.stringify(turn(said.text))).not.toContain("/a");
    expect(model.seen()).toMatchObject({ turns: 0, tools: [] });
  },
);

/** A task as each vendor's agent hands it to the model, and what its sub-agent is offered. */
const TASK: Record<Protocol, (task: string) => Record<string, unknown>> = {
  anthropic: (text) => ({ messages: [{ role: "user", content: [{ type: "text", text }] }] }),
  openai: (text) => ({ input: [{ type: "message", role: "user", content: [{ type: "input_text", text }] }] }),
  gemini: (text) => ({ contents: [{ role: "user", parts: [{ text }] }] }),
};

test.each(PROTOCOLS)(
  "over %s a sub-agent has a script of its own, known by the word in its task",
  async (protocol) => {
    const subs = [{ marker: "weakdoor-other", calls: [{ tool: "look", input: { path: "/sub" } }] }];
    await using model = await scriptedModel(protocol, { calls: CALLS, subs });
    const { path, body, turn } = SENT[protocol];
    const ask = async (task: string) => {
      const { text } = await post(`${model.url}${path}`, { ...body([]), ...TASK[protocol](task) });
      return JSON.stringify(turn(text));
    };
    expect(await ask("go on: weakdoor-other")).toContain("/sub");
    expect(await ask("go on")).toContain("/a");
    expect(model.seen()).toMatchObject({ turns: 1, subs: [{ turns: 1, tools: [{ name: "look" }] }] });
  },
);

test("a sub-agent of Gemini CLI is ended by the call that it has to end with", async () => {
  await using model = await scriptedModel("gemini", { calls: [], subs: [{ marker: "weakdoor-other", calls: [] }] });
  const { path, turn } = SENT.gemini;
  const offered = { functionDeclarations: [{ name: "complete_task", parametersJsonSchema: {} }] };
  const asked = { tools: [offered], ...TASK.gemini("weakdoor-other") };
  expect(JSON.stringify(turn((await post(`${model.url}${path}`, asked)).text))).toContain("complete_task");
});

test("a call to Codex that waits for a sub-agent names the one that it started", async () => {
  const calls = [CALLS[0], { tool: "wait", input: { targets: [SUB_AGENT] } }].filter((call) => call !== undefined);
  await using model = await scriptedModel("openai", { calls, subs: [] });
  const said = await asking(model.url, "openai")(['{"agent_id":"01-ab","nickname":"x"}']);
  expect(said).toMatchObject({ name: "wait", arguments: '{"targets":["01-ab"]}' });
});

test.each([
  ["anthropic", { tools: [{ type: "web_search_20250305", name: "web_search" }] }, "web_search"],
  ["openai", { tools: [{ type: "web_search", external_web_access: false }] }, "web_search"],
  ["gemini", { tools: [{ googleSearch: {} }] }, "googleSearch"],
] as const)(
  "over %s a tool that is the vendor's own is told, and offers nothing to be called",
  async (protocol, asked, name) => {
    await using model = await scriptedModel(protocol, SCRIPT);
    const { path, body } = SENT[protocol];
    await post(`${model.url}${path}`, { ...body([]), ...asked });
    expect(model.seen()).toMatchObject({ turns: 0, tools: [], vendorTools: [name] });
  },
);

test("what is no turn is refused and told once, also when it is no JSON", async () => {
  await using model = await scriptedModel("anthropic", SCRIPT);
  for (const path of ["/v1/messages/count_tokens", "/v1/messages/count_tokens", "/api/event"])
    expect((await post(`${model.url}${path}`, {})).status).toBe(404);
  expect(model.seen().otherRequests).toEqual(["POST /v1/messages/count_tokens", "POST /api/event"]);
  const broken = await fetch(`${model.url}/v1/messages`, { method: "POST", body: "{" });
  expect(broken.status).toBe(200);
  expect(model.seen().turns).toBe(0);
});

test("an answer of any length, and tools of any shape, stay within what is taken from a guest", async () => {
  await using model = await scriptedModel("anthropic", SCRIPT);
  const { path, body } = SENT.anthropic;
  const tools = [{ name: 7 }, { name: "x".repeat(1_000), input_schema: null }, null, { name: "look" }];
  await post(`${model.url}${path}`, { ...body(["y".repeat(100_000)]), tools });
  const { answers, tools: seen } = model.seen();
  expect(answers[0]?.text.length).toBe(6_000);
  expect(seen.map(({ name }) => name.length)).toEqual([300, 4]);
});

function asking(url: string, protocol: Protocol): (answers: string[]) => Promise<unknown> {
  const { path, body, turn } = SENT[protocol];
  return async (answers) => turn((await post(`${url}${path}`, body(answers))).text);
}

async function post(url: string, body: object): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

function eventsOf(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice("data: ".length)) as Record<string, unknown>);
}
