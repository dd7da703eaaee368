import { Socket } from "node:net";
import { PROXY_PORT } from "../../../src/guest/constants.ts";
import { serveProxy } from "../../../src/guest/shim/proxy.ts";
import { brokerOf, openSession } from "../../../src/guest/shim/session.ts";
import { runTask } from "../../../src/guest/shim/task.ts";
import { CHUNK_BYTES, type Job } from "./wire.ts";

/**
 * Stands where the shim stands, on the shim's own session, and moves bytes in place of messages. It ends with its channel,
 * as the shim does.
 */
const session = openSession(new Socket({ fd: 0, writable: false }), new Socket({ fd: 1, readable: false }));
session.once("close", () => process.kill(process.pid, "SIGKILL"));
session.on("error", () => process.kill(process.pid, "SIGKILL"));
const broker = brokerOf(session);
await serveProxy(session, Number(process.env.BENCH_PROXY_PORT ?? PROXY_PORT));
for (;;) {
  const { body } = await broker.call("GET", "/bench/job");
  await broker.call("POST", "/bench/done", await done(JSON.parse(body) as Job));
}

async function done(job: Job): Promise<unknown> {
  if (job.kind === "run") return runTask(job.task);
  if (job.kind === "down") await download(job.bytes);
  else await upload(job.bytes);
  return null;
}

async function download(bytes: number): Promise<void> {
  const stream = session.request({ ":path": `/bench/down/${bytes}` });
  let came = 0;
  stream.on("data", (chunk: Buffer) => {
    came += chunk.length;
  });
  await new Promise((resolve) => stream.once("end", resolve));
  if (came !== bytes) throw new Error(`${came} of ${bytes} bytes came`);
}

function upload(bytes: number): Promise<void> {
  const stream = session.request({ ":method": "POST", ":path": "/bench/up" });
  const chunk = Buffer.alloc(CHUNK_BYTES, "x");
  let left = bytes;
  const fill = () => {
    while (left > 0) {
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      left -= part.length;
      if (!stream.write(part)) return void stream.once("drain", fill);
    }
    stream.end();
  };
  fill();
  stream.resume();
  return new Promise((resolve) => stream.once("end", resolve));
}
