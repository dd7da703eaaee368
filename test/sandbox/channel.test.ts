import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { type Duplex, duplexPair, pipeline } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { openSession } from "../../src/guest/shim/session.ts";
import { type ChannelLimits, type ServedChannel, serveChannel } from "../../src/sandbox/channel.ts";
import { socketPair } from "../../src/sandbox/socketPair.ts";

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

const opened: { destroy(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.destroy();
});

test("a request and its answer pass over any byte stream", async () => {
  const { client } = await open((stream, headers) => {
    stream.respond({ ":status": 200 });
    stream.end(`${headers[":method"]} ${headers[":authority"]} ${headers[":path"]}`);
  });
  const request = client.request({ ":method": "GET", ":authority": "a.example", ":path": "/x" });
  expect(await text(request)).toBe("GET a.example /x");
});

test("a CONNECT stream carries every byte value both ways", async () => {
  const { client } = await open((stream) => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  const tunnel = client.request({ ":method": "CONNECT", ":authority": "a.example:443" });
  const bytes = Buffer.from(Array.from({ length: 3 * 65_536 }, (_, i) => i % 256));
  tunnel.end(bytes);
  const back: Buffer[] = [];
  for await (const chunk of tunnel) back.push(chunk as Buffer);
  expect(Buffer.concat(back).equals(bytes)).toBe(true);
});

test("a request over the header limit never reaches the handler", async () => {
  let calls = 0;
  const { client } = await open(() => calls++);
  const request = client.request({ ":path": "/", padding: "a".repeat(20_000) });
  expect(await failure(request)).toMatch(/ENHANCE_YOUR_CALM|431/);
  expect(calls).toBe(0);
});

test("one stream over the limit is refused though the peer did not wait to be told of it", async () => {
  let calls = 0;
  const { client } = await open(() => calls++, { streamsMax: 2 });
  const requests = Array.from({ length: 3 }, () => client.request({ ":path": "/" }));
  expect(await Promise.race(requests.map(failure))).toMatch(/REFUSED_STREAM/);
  expect(calls).toBe(2);
});

test("the limits are announced to the peer", async () => {
  const { client } = await open((stream) => stream.respond({ ":status": 200 }), { streamsMax: 2 });
  await once(client, "remoteSettings");
  expect(client.remoteSettings.maxConcurrentStreams).toBe(2);
  expect(client.remoteSettings.initialWindowSize).toBe(4 * 1024 * 1024);
});

test.each(["a socket", "any other stream"])(
  "bulk both ways at once on many streams over %s comes to an end",
  async (kind) => {
    const { near, far } = await socketPair();
    const [plain, end] = duplexPair();
    if (kind !== "a socket") pipeline(near, end, near, () => undefined);
    const served = serveChannel(kind === "a socket" ? near : plain, (stream) => {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    });
    // The shim's own client: it is the end that takes in whatever the window lets the host send.
    const client = openSession(far, far);
    client.on("error", () => undefined);
    opened.push(served, client);
    const bytes = Buffer.alloc(4 * 1024 * 1024, "x");
    const lengths = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const tunnel = client.request({ ":method": "CONNECT", ":authority": "a.example:443" });
        tunnel.end(bytes);
        let length = 0;
        for await (const chunk of tunnel) length += (chunk as Buffer).length;
        return length;
      }),
    );
    expect(lengths).toEqual(Array(8).fill(bytes.length));
  },
);

test("a session destroyed in the middle of bulk writes ends as a value, not as a crash", async () => {
  const { client, served } = await open((stream) => {
    stream.respond({ ":status": 200 });
    stream.write(Buffer.alloc(8 * 1024 * 1024));
  });
  const tunnel = client.request({ ":method": "CONNECT", ":authority": "a.example:443" });
  tunnel.on("error", () => undefined);
  await once(tunnel, "data");
  served.destroy();
  expect(await served.closed).toEqual({ status: "ended" });
});

test("bytes that are not HTTP/2 end the channel and say so", async () => {
  const { far, served } = openRaw();
  far.write("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n".repeat(3));
  expect(await served.closed).toMatchObject({ status: "refused" });
});

test("a flood of streams that are reset at once ends the channel", async () => {
  const { client, served } = await open(() => undefined, {
    resetBurst: 20,
    resetsPerSecond: 1,
  });
  for (let i = 0; i < 200 && !client.destroyed; i++) {
    const request = client.request({ ":path": "/" });
    request.on("error", () => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    request.close(8);
    if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect((await served.closed).status).toMatch(/ended|refused/);
  expect(client.destroyed).toBe(true);
});

test("destroy cuts open tunnels at both ends, twice over is the same", async () => {
  const { client, served } = await open((stream) => stream.respond({ ":status": 200 }));
  const tunnel = client.request({ ":method": "CONNECT", ":authority": "a.example:443" });
  tunnel.on("error", () => undefined);
  await new Promise((resolve) => tunnel.once("response", resolve));
  const gone = new Promise((resolve) => tunnel.once("close", resolve));
  served.destroy();
  served.destroy();
  await gone;
  expect(await served.closed).toEqual({ status: "ended" });
});

test("a peer that goes away ends the channel", async () => {
  const { far, served } = openRaw();
  far.end();
  far.destroy();
  expect((await served.closed).status).toBe("ended");
});

async function open(
  onStream: OnStream,
  limits: Partial<ChannelLimits> = {},
): Promise<{ client: ClientHttp2Session; served: ServedChannel }> {
  const { near, far } = await sockets();
  const served = serveChannel(near, onStream, limits);
  const client = connect("http://sandbox.invalid", { createConnection: () => far, maxSessionMemory: 128 });
  client.on("error", () => undefined);
  opened.push(served, client);
  return { client, served };
}

/** A real pair: Node's HTTP/2 client is no more robust over a plain Duplex than its server is. */
async function sockets(): Promise<{ near: Socket; far: Socket }> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const far = createConnection((listener.address() as AddressInfo).port, "127.0.0.1");
  const [near] = (await once(listener, "connection")) as [Socket];
  listener.close();
  return { near, far };
}

function openRaw(): { far: Duplex; served: ServedChannel } {
  const [near, far] = duplexPair();
  far.on("error", () => undefined);
  const served = serveChannel(near, () => undefined);
  opened.push(served);
  far.resume();
  return { far, served };
}

function failure(request: Duplex): Promise<string> {
  return new Promise((resolve) => {
    request.once("response", (headers: IncomingHttpHeaders) => resolve(String(headers[":status"])));
    request.once("error", (error) => resolve(error.message));
  });
}
