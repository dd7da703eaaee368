import { randomBytes } from "node:crypto";
import type { ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { AUTHORITY, Hello, type Task, TaskResult } from "../guest/wire.ts";
import { serveChannel } from "./channel.ts";

/**
 * The least that a sandbox needs at the other end of its channel: it takes the greeting and the heartbeat, hands out
 * tasks, and refuses all else with 403. For proving that a backend works before there is a gateway.
 */
export type ScratchBroker = {
  /** Rejects when the channel ends before. */
  hello: Promise<Hello>;
  /** One at a time. Rejects when the channel ends. */
  run(task: Omit<Task, "id">): Promise<TaskResult>;
  closed: Promise<void>;
  destroy(): void;
};

export function scratchBroker(channel: Duplex): ScratchBroker {
  const hello = Promise.withResolvers<Hello>();
  const awaited = new Map<string, PromiseWithResolvers<TaskResult>>();
  const waiting: Task[] = [];
  let poll: ServerHttp2Stream | undefined;
  const handOut = () => {
    if (poll === undefined || poll.destroyed || waiting.length === 0) return;
    answer(poll, 200, waiting.shift());
    poll = undefined;
  };
  const served = serveChannel(channel, (stream, headers) => {
    const route = `${headers[":method"]} ${headers[":path"]}`;
    if (headers[":authority"] !== AUTHORITY.broker) return answer(stream, 403, { reason: "scratch" });
    if (route === "GET /v1/task") {
      poll = stream;
      return handOut();
    }
    text(stream).then(
      (body) => answer(stream, take(route, body) ? 200 : 404, {}),
      // The guest took its message back, or is gone.
      () => stream.destroy(),
    );
  });
  const take = (route: string, body: string): boolean => {
    if (route === "POST /v1/heartbeat") return true;
    if (route === "POST /v1/hello") {
      hello.resolve(Hello.parse(JSON.parse(body)));
      return true;
    }
    const promise = awaited.get(route.replace("POST /v1/task/", ""));
    promise?.resolve(TaskResult.parse(JSON.parse(body)));
    return promise !== undefined;
  };
  let gone: Error | undefined;
  const closed = served.closed.then((end) => {
    gone = new Error(end.status === "refused" ? `the channel ended: ${end.reason}` : "the channel ended");
    hello.reject(gone);
    for (const one of awaited.values()) one.reject(gone);
  });
  // Whoever waits for it gets the rejection; nobody has to.
  hello.promise.catch(() => undefined);
  return {
    hello: hello.promise,
    run(task) {
      if (gone !== undefined) return Promise.reject(gone);
      const id = randomBytes(8).toString("hex");
      const result = Promise.withResolvers<TaskResult>();
      awaited.set(id, result);
      waiting.push({ id, ...task });
      handOut();
      return result.promise;
    },
    closed,
    destroy: () => served.destroy(),
  };
}

function answer(stream: ServerHttp2Stream, status: number, body: unknown): void {
  if (stream.destroyed) return;
  stream.respond({ ":status": status, "content-type": "application/json" });
  stream.end(JSON.stringify(body));
}
