import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { basename } from "node:path";
import type { Writable } from "node:stream";
import { buffer, json } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeFrame, frameReader } from "../../../src/sandbox/e2b/frames.ts";
import { answer, fail } from "./answer.ts";
import type { Box } from "./box.ts";
import { type Faults, strikes } from "./faults.ts";

/** E2B's daemon, as far as the driver and the tests of the fake itself use it: processes and files. */
export type Processes = Map<number, ChildProcessWithoutNullStreams>;

type Inside = { box: Box; processes: Processes; faults: Faults };

const END_OF_STREAM = 0x02;

type ProcessConfig = { cmd: string; args?: string[]; envs?: Record<string, string>; cwd?: string };

export async function serveDaemon(
  inside: Inside,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const route = `${request.method} ${url.pathname}`;
  const path = url.searchParams.get("path") ?? "";
  if (route === "GET /health") return answer(response, 204);
  if (route === "POST /files") return writeFile(inside, path, request, response);
  if (route === "GET /files") return readFile(inside, path, response);
  if (route === "POST /process.Process/Start") return start(inside, request, response);
  const body = (await json(request)) as { process?: { pid?: number }; input?: { stdin?: string }; path?: string };
  const child = inside.processes.get(body.process?.pid ?? -1);
  if (route === "POST /process.Process/List") {
    const processes = [...inside.processes.keys()].map((pid) => ({ pid, config: { cmd: "" } }));
    return answer(response, 200, { processes });
  }
  if (route === "POST /filesystem.Filesystem/Stat") return stat(inside, body.path ?? "", response);
  if (child === undefined) return answer(response, 404, { code: "not_found", message: "no such process" });
  if (route === "POST /process.Process/SendInput") {
    await sleep(inside.faults.sendInputDelayMs);
    if (strikes(inside.faults, "sendInputFails")) return fail(response, 502, "bad gateway");
    const bytes = Buffer.from(body.input?.stdin ?? "", "base64");
    // As the daemon does, it answers when the process's pipe has taken all of it.
    if (!child.stdin.write(bytes)) await drained(child.stdin);
    return answer(response, 200, {});
  }
  if (route === "POST /process.Process/CloseStdin") {
    child.stdin.end();
    return answer(response, 200, {});
  }
  if (route === "POST /process.Process/SendSignal") {
    killInside(child);
    return answer(response, 200, {});
  }
  answer(response, 404, { code: "unimplemented", message: route });
}

async function start({ box, processes, faults }: Inside, request: IncomingMessage, response: ServerResponse) {
  const [frame] = frameReader(8 * 1024 * 1024).take(await buffer(request));
  if (frame === undefined) return fail(response, 400, "no request");
  const { process: config } = frame.message as { process: ProcessConfig };
  const child = box.start([config.cmd, ...(config.args ?? [])], { cwd: config.cwd ?? "/", env: config.envs ?? {} });
  const pid = child.pid ?? 0;
  processes.set(pid, child);
  child.stdin.on("error", () => undefined);
  response.writeHead(200, { "content-type": "application/connect+json" });
  const send = async (message: unknown, flags = 0): Promise<void> => {
    if (response.destroyed || response.writableEnded) return;
    if (!response.write(encodeFrame(message, flags))) await drained(response);
  };
  await send({ event: { start: { pid } } });
  let sent = 0;
  const forward = async (kind: "stdout" | "stderr"): Promise<void> => {
    for await (const chunk of child[kind]) {
      sent += (chunk as Buffer).length;
      if (faults.streamBreaksAfterBytes !== undefined && sent >= faults.streamBreaksAfterBytes)
        breakOff(response, faults);
      // Hung up on, the process lives on, and its output goes nowhere.
      await send({ event: { data: { [kind]: (chunk as Buffer).toString("base64") } } });
    }
  };
  const closed = once(child, "close") as Promise<[number | null]>;
  await Promise.all([forward("stdout"), forward("stderr")]);
  const [code] = await closed;
  processes.delete(pid);
  // Proto JSON: what is zero is left out.
  await send({
    event: {
      end: { ...(code === 0 ? {} : { exitCode: code ?? -1 }), exited: code !== null, status: `exit status ${code}` },
    },
  });
  await send({}, END_OF_STREAM);
  response.end();
}

/** Or closed. Two may wait for it at once, for as long as nobody reads. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      stream.off("drain", settle).off("close", settle);
      resolve();
    };
    stream.once("drain", settle).once("close", settle);
  });
}

function breakOff(response: ServerResponse, { streamEnd }: Faults): void {
  if (response.destroyed || response.writableEnded) return;
  const whole = encodeFrame({ event: { data: { stdout: "AAAA" } } });
  if (streamEnd === "reset") response.destroy();
  else if (streamEnd === "cut within a frame") response.end(whole.subarray(0, whole.length - 4));
  else if (streamEnd === "no json") response.end(Buffer.concat([Buffer.from([0, 0, 0, 0, 3]), Buffer.from("{x}")]));
  else if (streamEnd === "huge frame") response.end(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
  else response.end(encodeFrame({ error: { code: "unavailable", message: "gone" } }, END_OF_STREAM));
}

/** nsenter waits outside; what it started is the process. */
function killInside(child: ChildProcessWithoutNullStreams): void {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ");
  for (const pid of children) if (pid !== "") process.kill(Number(pid), "SIGKILL");
}

async function writeFile({ box }: Inside, path: string, request: IncomingMessage, response: ServerResponse) {
  const script = 'mkdir -p "$(dirname "$1")" && cat >"$1"';
  const child = box.start(["sh", "-c", script, "sh", path], {});
  const closed = once(child, "close") as Promise<[number]>;
  const type = request.headers["content-type"] ?? "";
  const boundary = /^multipart\/form-data; boundary=(\S+)$/.exec(type)?.[1];
  if (boundary === undefined) await pipeline(request, child.stdin);
  else child.stdin.end(onlyPart(await buffer(request), boundary));
  const [code] = await closed;
  if (code !== 0) return answer(response, 500, { code: 500, message: `cannot write ${path}` });
  answer(response, 200, [{ name: basename(path), path, type: "file" }]);
}

/** RFC 7578; one part is all that the clients send at a time. */
function onlyPart(form: Buffer, boundary: string): Buffer {
  const start = form.indexOf("\r\n\r\n") + 4;
  return form.subarray(start, form.lastIndexOf(`\r\n--${boundary}`));
}

async function readFile({ box }: Inside, path: string, response: ServerResponse) {
  const child = box.start(["cat", path], {});
  const [bytes, [code]] = await Promise.all([buffer(child.stdout), once(child, "close") as Promise<[number]>]);
  if (code !== 0) return answer(response, 404, { code: 404, message: `path '${path}' does not exist` });
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
  response.end(bytes);
}

async function stat({ box }: Inside, path: string, response: ServerResponse) {
  const child = box.start(["test", "-e", path], {});
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) return answer(response, 404, { code: "not_found", message: "file not found" });
  answer(response, 200, { entry: { name: basename(path), type: "FILE_TYPE_FILE", path } });
}
