import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../base/errors.ts";
import type { Post, Proxies } from "../../guest/tools/order.ts";
import { type AttemptResult, AttemptResults } from "../../guest/tools/transcript.ts";
import { type Asked, attemptOf } from "./canaries.ts";
import type { ToolRoom } from "./tools.ts";

/**
 * Two programs of ours that the agent starts by itself: one as an MCP server, one as a hook. Each makes the same attempts as the
 * tools and leaves what came of them where it may write; each stays until the host has seen its process.
 */
export type Standing = {
  kind: "server" | "hook";
  asked: readonly Asked[];
  /** Inside; names the post in its process's command line. */
  file: string;
  isOf(argv: readonly string[]): boolean;
  /** Undefined when none came, or one that is not what a post of ours leaves. */
  results(): AttemptResult[] | undefined;
  letGo(): void;
};

const STAYS_MS = 8_000;
const ANSWER_BYTES_MAX = 256 * 1024;

/** Of what the stack declares for its agent. */
export function proxiesIn(env: Readonly<Record<string, string>>): Proxies {
  return Object.fromEntries(Object.entries(env).filter(([name]) => /^(?:https?|no|all)_proxy$/i.test(name)));
}

export function layPost(
  kind: Standing["kind"],
  asked: readonly Asked[],
  { posts: directory, places, env }: Pick<ToolRoom, "posts" | "places" | "env">,
): Standing {
  const name = `${kind}-${randomBytes(4).toString("hex")}`;
  const answerNames = places.map((place) => ({ path: join(place.path, name), host: join(place.host, name) }));
  const until = `${name}.go`;
  const post: Post = {
    attempts: asked.map(attemptOf),
    proxies: proxiesIn(env),
    answers: answerNames.map(({ path }) => path),
    until: join(directory.path, until),
    untilMs: STAYS_MS,
  };
  writeFileSync(join(directory.host, `${name}.json`), JSON.stringify(post), { mode: 0o644 });
  const file = join(directory.path, `${name}.json`);
  return {
    kind,
    asked,
    file,
    // As a word of its own: the agent that is to start it has it in a longer one.
    isOf: (argv) => argv.includes(file),
    results() {
      const text = answerNames.map(({ host }) => textAt(host)).find((found) => found !== undefined);
      return text === undefined ? undefined : AttemptResults.safeParse(asJson(text)).data;
    },
    letGo: () => writeFileSync(join(directory.host, until), ""),
  };
}

/** Of a file that the guest may have made: no link is followed and nothing is waited for. */
function textAt(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(ANSWER_BYTES_MAX);
    return bytes.toString("utf8", 0, readSync(fd, bytes));
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
