import { once } from "node:events";
import { createServer as createUpstream, request, type Server } from "node:http";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { serveProxy } from "../../../src/guest/shim/proxy.ts";
import { serveChannel } from "../../../src/sandbox/channel.ts";

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

test("a request in absolute form becomes a stream that carries its whole address, and its body", async () => {
  const port = await proxy((stream, headers) => {
    stream.respond({ ":status": 201, "x-seen": "yes" });
    stream.write([headers[":method"], headers[":scheme"], headers[":authority"], headers[":path"], ""].join(" "));
    stream.pipe(stream);
  });
  const answer = await ask(port, "POST", "http://a.example:8080/p?q=1", { "content-type": "text/plain" }, "hello");
  expect(answer).toMatchObject({ status: 201, headers: { "x-seen": "yes" } });
  expect(answer.body).toBe("POST http a.example:8080 /p?q=1 hello");
});

test("what is of one connection only is not passed on", async () => {
  let seen: IncomingHttpHeaders = {};
  const port = await proxy((stream, headers) => {
    seen = headers;
    stream.respond({ ":status": 200 });
    stream.end();
  });
  await ask(port, "GET", "http://a.example/", {
    connection: "x-mine",
    "x-mine": "1",
    "proxy-authorization": "Basic x",
    te: "trailers",
    "x-other": "2",
  });
  expect(seen["x-other"]).toBe("2");
  for (const name of ["connection", "x-mine", "proxy-authorization", "te", "host"])
    expect(seen).not.toHaveProperty(name);
});

test("a tunnel carries bytes both ways once the gateway agrees", async () => {
  const port = await proxy((stream, headers) => {
    expect([headers[":method"], headers[":authority"]]).toEqual(["CONNECT", "a.example:443"]);
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  const socket = connectSocket(port, "127.0.0.1");
  socket.write("CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\nfirst");
  let got = "";
  for await (const chunk of socket) {
    got += String(chunk);
    if (got.endsWith("first")) socket.end(" last");
    if (got.endsWith(" last")) break;
  }
  expect(got).toBe("HTTP/1.1 200 Connection established\r\n\r\nfirst last");
});

test("a refused tunnel is refused with the gateway's reason", async () => {
  const port = await proxy((stream) => {
    stream.respond({ ":status": 403, "content-type": "text/plain" });
    stream.end("host-not-listed");
  });
  const socket = connectSocket(port, "127.0.0.1");
  socket.write("CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n");
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  expect(answer).toContain("host-not-listed");
});

test("a request that is not for a proxy is told so, and never reaches the gateway", async () => {
  let calls = 0;
  const port = await proxy(() => calls++);
  expect((await ask(port, "GET", "/path")).status).toBe(400);
  expect(calls).toBe(0);
});

test.each([
  ["POST", "/v1/hello"],
  ["POST", "/v1/heartbeat"],
  ["GET", "/v1/task"],
  ["POST", "/v1/task/t0"],
  ["GET", "/v1/task?x=1"],
  ["GET", "//v1//task"],
  ["GET", "/v1/./task"],
  ["GET", "/x/../v1/task"],
  ["GET", "/v1/%74ask"],
  ["GET", "/v1%2ftask"],
  ["GET", "/V1/TASK"],
])("a program inside cannot say %s %s in the shim's place, and the gateway never hears it", async (method, path) => {
  let calls = 0;
  const port = await proxy(() => calls++);
  for (const host of ["broker.weakdoor.internal", "BROKER.weakdoor.internal:80", "x@broker.weakdoor.internal."]) {
    const answer = await ask(port, method, `http://${host}${path}`, {}, method === "POST" ? "{}" : "");
    expect(answer.status).toBe(403);
  }
  expect(calls).toBe(0);
});

test.each(["/v1/alarm", "/v1/tasks", "/v1/research/task", "/task"])(
  "other messages to the broker pass: %s",
  async (path) => {
    const port = await proxy((stream) => {
      stream.respond({ ":status": 200 });
      stream.end();
    });
    expect((await ask(port, "POST", `http://broker.weakdoor.internal${path}`, {}, "{}")).status).toBe(200);
  },
);

test("a stream that the gateway resets is a 502, not a hang", async () => {
  const port = await proxy((stream) => stream.close(2));
  expect((await ask(port, "GET", "http://a.example/")).status).toBe(502);
});

test("a port that is taken is an error", async () => {
  const other: Server = createUpstream().listen(0, "127.0.0.1");
  opened.push(() => other.close());
  await once(other, "listening");
  const session = await pair(() => undefined);
  await expect(serveProxy(session, (other.address() as AddressInfo).port)).rejects.toThrow(/EADDRINUSE/);
});

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

async function proxy(onStream: OnStream): Promise<number> {
  const server = await serveProxy(await pair(onStream), 0);
  opened.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function pair(onStream: OnStream): Promise<ClientHttp2Session> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const far = connectSocket((listener.address() as AddressInfo).port, "127.0.0.1");
  const [near] = (await once(listener, "connection")) as [Socket];
  listener.close();
  const served = serveChannel(near, onStream);
  const session = connect("http://broker.invalid", { createConnection: () => far });
  session.on("error", () => undefined);
  opened.push(
    () => served.destroy(),
    () => session.destroy(),
  );
  return session;
}

type Answer = { status: number; headers: Record<string, unknown>; body: string };

async function ask(port: number, method: string, path: string, headers = {}, body = ""): Promise<Answer> {
  const outgoing = request({ host: "127.0.0.1", port, method, path, headers, agent: false });
  outgoing.end(body);
  const [incoming] = await once(outgoing, "response");
  return { status: incoming.statusCode, headers: incoming.headers, body: await text(incoming) };
}
