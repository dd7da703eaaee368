import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { attemptAll } from "../../../src/guest/tools/attempt.ts";
import type { Attempt } from "../../../src/guest/tools/order.ts";

const MAIN = join(import.meta.dirname, "../../../src/guest/tools/main.ts");
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wd-post-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("attempts say what was read, what the kernel refused, and never write over a file", async () => {
  writeFileSync(join(root, "there"), "a nonce\n");
  const socket = join(root, "s");
  const server = createServer().listen(socket);
  await once(server, "listening");
  const attempts: Attempt[] = [
    { do: "read", path: join(root, "there") },
    { do: "read", path: join(root, "absent") },
    { do: "write", path: join(root, "new"), content: "x" },
    { do: "write", path: join(root, "there"), content: "x" },
    { do: "connect", path: socket },
    { do: "connect", path: join(root, "there") },
  ];
  const results = await attemptAll({ attempts, proxies: {} });
  server.close();
  expect(results.map(({ isDone }) => isDone)).toEqual([true, false, true, false, true, false]);
  expect(results.map(({ text }) => text)).toEqual(["a nonce\n", "ENOENT", "", "EEXIST", "", "ECONNREFUSED"]);
  expect(readFileSync(join(root, "there"), "utf8")).toBe("a nonce\n");
});

test("what is fetched goes through the stack's own proxy or through none, and a refusal is told", async () => {
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.url ?? "");
    response.end("hello");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const here = `http://127.0.0.1:${port}`;
  const fetched = (url: string, proxies: Record<string, string>) =>
    attemptAll({ attempts: [{ do: "fetch", url }], proxies });
  expect(await fetched(`${here}/direct`, {})).toEqual([{ isDone: true, text: "status 200" }]);
  expect(await fetched("http://name.invalid/far", { HTTP_PROXY: here })).toEqual([
    { isDone: true, text: "status 200" },
  ]);
  expect(asked).toEqual(["/direct", "http://name.invalid/far"]);
  server.close();
  expect(await fetched("http://127.0.0.1:1/closed", {})).toEqual([{ isDone: false, text: "ECONNREFUSED" }]);
});

test("a post leaves its answer in the first place that it may write to", () => {
  mkdirSync(join(root, "b"));
  const answers = [join(root, "a/answer"), join(root, "b/answer"), join(root, "c")];
  const post = order({ answers, until: root });
  expect(spawnSync(process.execPath, [MAIN, "hook", post]).status).toBe(0);
  expect(JSON.parse(readFileSync(join(root, "b/answer"), "utf8"))).toEqual([{ isDone: false, text: "ENOENT" }]);
});

test("a post that stands as a server greets, lists no tools, and goes when its client does", async () => {
  const child = spawn(process.execPath, [MAIN, "server", order({ answers: [join(root, "answer")], until: root })]);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (message: object): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    return JSON.parse(String((await lines.next()).value));
  };
  expect(await ask({ id: 1, method: "initialize", params: { protocolVersion: "2025-06-18" } })).toMatchObject({
    id: 1,
    result: { protocolVersion: "2025-06-18", capabilities: { tools: {} } },
  });
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  expect(await ask({ id: 2, method: "tools/list" })).toMatchObject({ result: { tools: [] } });
  expect(await ask({ id: 3, method: "resources/list" })).toMatchObject({ error: { code: -32601 } });
  child.stdin.end();
  expect(await once(child, "exit")).toEqual([0, null]);
  expect(readFileSync(join(root, "answer"), "utf8")).toContain("ENOENT");
});

function order(changes: { answers: string[]; until: string }): string {
  const path = join(root, "post.json");
  writeFileSync(path, JSON.stringify({ attempts: [{ do: "read", path: "/absent" }], untilMs: 60_000, ...changes }));
  return path;
}
