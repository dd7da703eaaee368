import type { Duplex } from "node:stream";
import { type Task, TaskResult } from "../../src/guest/wire.ts";
import { serveChannel } from "../../src/sandbox/channel.ts";

/** Plays the broker on a sandbox's channel for as long as it takes the shim to run one command inside. */
export function runTask(channel: Duplex, argv: [string, ...string[]], stdin = ""): Promise<TaskResult> {
  const task: Task = {
    id: "t1",
    run: { argv },
    env: { PATH: "/bin:/usr/bin" },
    cwd: "/",
    stdin,
    timeoutMs: 10_000,
    outputBytesMax: 1024 * 1024,
  };
  return new Promise((resolve, reject) => {
    let isGiven = false;
    const served = serveChannel(channel, (stream, headers) => {
      let body = "";
      stream.on("data", (chunk: Buffer) => (body += chunk.toString()));
      stream.once("end", () => {
        const path = headers[":path"];
        if (path === "/v1/task" && isGiven) return stream.respond({ ":status": 204 }, { endStream: true });
        stream.respond({ ":status": 200 });
        stream.end(path === "/v1/task" ? JSON.stringify(task) : "{}");
        if (path === "/v1/task") isGiven = true;
        if (path === "/v1/task/t1") resolve(TaskResult.parse(JSON.parse(body)));
      });
    });
    void served.closed.then((end) => reject(new Error(`the channel ended first: ${JSON.stringify(end)}`)));
  });
}
