import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { AUTHORITY, PROXY_PORT } from "./wire.ts";

/** An answer whose body is cut after `bytesMax` bytes; a header that came more than once is left out. */
type ProxyAnswer = { status: number; headers: Record<string, string>; body: string };

/** One plain HTTP request through the shim's proxy: absolute form, so that the gateway sees the whole URL. */
export function throughProxy(
  method: "GET" | "POST",
  url: string,
  options: {
    headers?: Record<string, string>;
    body?: string;
    timeoutMs?: number;
    bytesMax?: number;
    signal?: AbortSignal;
  } = {},
): Promise<ProxyAnswer> {
  const bytesMax = options.bytesMax ?? 16 * 1024 * 1024;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        // Not the global agent: that one looks for a proxy by itself, and here the proxy is spoken to.
        agent: new Agent(),
        host: "127.0.0.1",
        port: PROXY_PORT,
        method,
        path: url,
        headers: { host: new URL(url).host, ...options.headers },
        timeout: options.timeoutMs ?? 30_000,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        let length = 0;
        incoming.on("data", (chunk: Buffer) => {
          if (length < bytesMax) chunks.push(chunk.subarray(0, bytesMax - length));
          length += chunk.length;
        });
        incoming.once("end", () => {
          const body = Buffer.concat(chunks).toString("utf8");
          resolve({ status: incoming.statusCode ?? 0, headers: singly(incoming.headers), body });
        });
        incoming.once("error", reject);
      },
    );
    outgoing.once("timeout", () => outgoing.destroy(new Error(`no answer from ${new URL(url).host} in time`)));
    outgoing.once("error", reject);
    outgoing.end(options.body);
  });
}

/** A message to CONTROL through the broker, and its answer whatever that is. */
export function askBroker(method: "GET" | "POST", path: string, body?: unknown): Promise<ProxyAnswer> {
  return throughProxy(method, `http://${AUTHORITY.broker}${path}`, {
    headers: body === undefined ? {} : { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** A message to CONTROL through the broker. Throws when it is not answered with 200. */
export async function tellBroker(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
  const answer = await askBroker(method, path, body);
  if (answer.status !== 200)
    throw new Error(`the broker answered ${answer.status} to ${path}: ${answer.body.slice(0, 200)}`);
  return answer.body === "" ? null : JSON.parse(answer.body);
}

function singly(headers: IncomingHttpHeaders): Record<string, string> {
  const single = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(single);
}

/** Standard input, whole: how CONTROL hands a guest program its request. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString("utf8");
}
