import { createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { proxyOf } from "../../../../src/guest/probe/network/proxy.ts";
import { tryAll } from "../../../../src/guest/probe/network/tried.ts";
import { proofOf, TOKEN, type Try } from "../../../../src/guest/probe/network/try.ts";
import { parseRequest } from "../../../../src/guest/probe/request.ts";
import { networkFor } from "../../../../src/probe/internet/addresses.ts";

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** Listens on the loopback; `answer` is told how often somebody has come. */
async function serving(answer: (token: string, times: number) => string | undefined): Promise<number> {
  let times = 0;
  const server = createServer((socket) => {
    const at = ++times;
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.once("data", (chunk) => {
      const said = answer(TOKEN.exec(String(chunk))?.[0] ?? "", at);
      if (said !== undefined) socket.end(said);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return (server.address() as { port: number }).port;
}

const NETWORK = networkFor({ nonce: "00", allowed: [], timeoutMs: 1_500 });
const REQUEST = parseRequest('{"vantage":"target"}');

async function tried(port: number, more: Partial<Try> = {}, environment: Record<string, string> = {}) {
  const one: Try = { id: "x", subject: "x", way: "tcp", host: "127.0.0.1", port, ...more };
  return (await tryAll([one], NETWORK, { environment, request: REQUEST })).get("x");
}

test("what stayed silent is tried once more: a way that is open and slow is no closed one", async () => {
  const port = await serving((token, times) => (times === 1 ? undefined : proofOf(token)));
  expect(await tried(port)).toEqual({ status: "answered" });
});

test("what stays silent twice is silent, and what was refused or answered is asked once", async () => {
  let asked = 0;
  const silent = await serving(() => void asked++);
  expect(await tried(silent)).toEqual({ status: "silent" });
  expect(asked).toBe(2);
  let answered = 0;
  const other = await serving(() => {
    answered++;
    return "HTTP/1.1 200 OK\r\nServer: a block page\r\n\r\n";
  });
  expect(await tried(other)).toEqual({ status: "other", by: "a block page" });
  expect(answered).toBe(1);
});

test("of a proxy a refusal, a destination that fails and a silence are kept apart", async () => {
  const through = async (line: string) => {
    const port = await serving(() => (line === "" ? undefined : `HTTP/1.1 ${line}\r\n\r\n`));
    const environment = { HTTPS_PROXY: `http://127.0.0.1:${port}` };
    expect(proxyOf({ environment, request: REQUEST })).toMatchObject({ isHere: true });
    return tried(443, { way: "proxy", host: "outside.example" }, environment);
  };
  expect(await through("403 Forbidden")).toEqual({ status: "refused-by-proxy", code: 403 });
  expect(await through("407 Proxy Authentication Required")).toEqual({ status: "refused-by-proxy", code: 407 });
  expect(await through("502 Bad Gateway")).toEqual({ status: "destination-error", code: 502 });
  expect(await through("")).toEqual({ status: "silent" });
});

/** A SOCKS proxy that takes this method, and answers a request with this reply; in the tunnel it is the far end, too. */
async function socksAt(method: number, reply: number, asked: string[] = []): Promise<Record<string, string>> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    let step = 0;
    socket.on("data", (chunk) => {
      asked.push(chunk.toString("latin1"));
      const isPassword = method === 2 && ++step === 2;
      if (method !== 2 && step === 0) step = 2;
      else if (method !== 2) step++;
      if (asked.length === 1) return void socket.write(Buffer.from([5, method]));
      if (isPassword) return void socket.write(Buffer.from([1, 0]));
      if (step === 3) return void socket.write(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]));
      socket.end(proofOf(TOKEN.exec(String(chunk))?.[0] ?? ""));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return { ALL_PROXY: `socks5h://me:word@127.0.0.1:${(server.address() as { port: number }).port}` };
}

test("a SOCKS proxy's refusal, its failure to get there, its tunnel and its password are told apart", async () => {
  const through = (environment: Record<string, string>, host = "outside.example") =>
    tried(443, { way: "socks", host }, environment);
  const asked: string[] = [];
  expect(await through(await socksAt(0, 0, asked))).toEqual({ status: "answered" });
  expect(asked[1]).toBe(`\u0005\u0001\u0000\u0003\u000foutside.example\u0001\u00bb`);
  const withPassword: string[] = [];
  expect(await through(await socksAt(2, 0, withPassword), "203.0.113.10")).toEqual({ status: "answered" });
  expect(withPassword.slice(1, 3)).toEqual([
    "\u0001\u0002me\u0004word",
    "\u0005\u0001\u0000\u0001\u00cb\u0000\u0071\u000a\u0001\u00bb",
  ]);
  expect(await through(await socksAt(0, 2))).toEqual({ status: "refused-by-proxy", code: 2 });
  expect(await through(await socksAt(0, 4))).toEqual({ status: "destination-error", code: 4 });
  expect(await through(await socksAt(255, 0))).toEqual({ status: "refused-by-proxy", code: 255 });
  expect(await through({})).toEqual({ status: "unable", reason: "the environment names no SOCKS proxy" });
  expect(await through({ ALL_PROXY: "socks5://elsewhere.example:1080" })).toMatchObject({ status: "unable" });
});
