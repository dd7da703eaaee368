import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { attemptAll, leave } from "./attempt.ts";
import type { Post } from "./order.ts";
import { at } from "./protocol.ts";

const LOOK_MS = 50;

/**
 * A post of ours where an agent starts programs by itself. It makes its attempts at once, before anybody calls it: what a server or a
 * hook may do it may do from its first instruction on, whatever the agent asks about its tools later.
 */
export async function standAt(file: string): Promise<void> {
  const post = JSON.parse(readFileSync(file, "utf8")) as Post;
  const { answers, until, untilMs } = post;
  const results = await attemptAll(post);
  leave(answers, JSON.stringify(results));
  for (const endMs = performance.now() + untilMs; !existsSync(until) && performance.now() < endMs; )
    await sleep(LOOK_MS);
}

/** A server without tools (modelcontextprotocol.io, lifecycle and stdio transport): it greets, lists nothing, and stays until its client goes. */
export async function standAsServer(file: string): Promise<void> {
  const done = standAt(file);
  for await (const line of createInterface({ input: process.stdin })) {
    const asked: unknown = JSON.parse(line);
    const id = at(asked, "id");
    if (id === undefined) continue;
    const method = at(asked, "method");
    const answer = answerTo(String(method), at(at(asked, "params"), "protocolVersion"));
    process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...answer })}\n`);
  }
  await done;
}

function answerTo(method: string, protocolVersion: unknown): Record<string, unknown> {
  if (method === "initialize") {
    const serverInfo = { name: "canary", version: "1" };
    return { result: { protocolVersion, capabilities: { tools: {} }, serverInfo } };
  }
  if (method === "tools/list") return { result: { tools: [] } };
  if (method === "ping") return { result: {} };
  return { error: { code: -32601, message: "no such method" } };
}
