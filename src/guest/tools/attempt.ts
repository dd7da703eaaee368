import { readFileSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { connect } from "node:net";
import { errnoOf } from "../../base/errors.ts";
import type { Attempt, Attempts, Proxies } from "./order.ts";
import type { AttemptResult } from "./transcript.ts";

const CONNECT_MS = 2_000;
const FETCH_MS = 5_000;

/** Tries one thing after the other, and says of each what came of it. Never rejects for what the kernel refuses. */
export async function attemptAll({ attempts, proxies }: Attempts): Promise<AttemptResult[]> {
  const results: AttemptResult[] = [];
  for (const attempt of attempts) results.push(await tried(attempt, proxies));
  return results;
}

async function tried(attempt: Attempt, proxies: Proxies): Promise<AttemptResult> {
  try {
    switch (attempt.do) {
      case "read":
        return { isDone: true, text: readFileSync(attempt.path, "utf8").slice(0, 500) };
      case "write":
        writeFileSync(attempt.path, attempt.content, { flag: "wx" });
        return { isDone: true, text: "" };
      case "connect":
        await connected(attempt.path);
        return { isDone: true, text: "" };
      case "fetch":
        return { isDone: true, text: `status ${await fetched(attempt.url, proxies)}` };
    }
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === undefined) throw thrown;
    return { isDone: false, text: errno };
  }
}

function connected(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.setTimeout(CONNECT_MS, () => socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}

/** Whatever answers; who did is told outside. Rejects as the socket does. */
function fetched(url: string, proxyEnv: Proxies): Promise<number> {
  return new Promise((resolve, reject) => {
    // Of our own environment nothing: a proxy of ours stands there.
    const request = get(url, { timeout: FETCH_MS, agent: new Agent({ proxyEnv }) }, (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.once("timeout", () => request.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })));
    request.once("error", reject);
  });
}

/** Into the first of the files that may be written; false when none of them may. */
export function leave(answers: readonly string[], text: string): boolean {
  for (const path of answers) {
    try {
      writeFileSync(path, text, { flag: "wx" });
      return true;
    } catch (thrown) {
      if (errnoOf(thrown) === undefined) throw thrown;
    }
  }
  return false;
}
