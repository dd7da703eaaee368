import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { type Conversation, converse } from "./converse.ts";
import type { Proxy } from "./proxy.ts";
import { converseBySocks } from "./socks.ts";
import { proofOf, SINK_ADDRESS, type SimulatedInternet, type Tried, type Try, tokenOf } from "./try.ts";

export type Attempting = {
  internet: SimulatedInternet;
  /** That the environment names, and that is not part of what carries the probe. */
  proxy: Proxy | undefined;
  socks: Proxy | undefined;
};

/** Makes one attempt and is done within the owner's time, twice over for a name and four times for a proxy. Never rejects. */
export async function attempt(one: Try, { internet, proxy, socks }: Attempting): Promise<Tried> {
  const token = tokenOf(internet.nonce, one.id);
  const { timeoutMs, zone } = internet;
  switch (one.way) {
    case "tcp":
      return overTcp(one, token, timeoutMs);
    case "proxy":
      return overProxy(one, token, timeoutMs * PROXY_TIMES, proxy);
    case "socks":
      return overSocks(one, token, timeoutMs * PROXY_TIMES, socks);
    case "udp":
      return overUdp(one, token, timeoutMs);
    case "name":
      return lookUp(asking(timeoutMs), `${token}.${one.host}.${zone}`);
    case "resolver": {
      const resolver = asking(timeoutMs);
      resolver.setServers([one.host]);
      return lookUp(resolver, `${token}.${zone}`);
    }
    case "text":
      return lookUpText(asking(timeoutMs), `${token}.${one.host}.${zone}`, token);
    case "ping":
      return { status: "unable", reason: "this program has no such socket; another one is asked" };
  }
}

/** A proxy asks a resolver and connects on its own account, and a tool's stands behind two more programs. What it refuses, it refuses at once. */
const PROXY_TIMES = 4;

/** A name is looked up first, by the sandbox's own resolver; an address in any form is the system's to read. */
async function overTcp({ host, port }: Try, token: string, timeoutMs: number): Promise<Tried> {
  let address = host;
  if (isName(host)) {
    const found = await addressOf(host, timeoutMs);
    if (typeof found !== "string") return found;
    address = found;
  }
  return toTried(await converse({ host: address, port, timeoutMs, say: requestLine(`/${token}`, host) }), token);
}

async function overProxy(
  { host, port }: Try,
  token: string,
  timeoutMs: number,
  proxy: Proxy | undefined,
): Promise<Tried> {
  if (proxy === undefined) return { status: "unable", reason: "the environment names no HTTP proxy" };
  if (!proxy.isHere)
    return { status: "unable", reason: "the proxy that the environment names is none of this sandbox" };
  const name = host.includes(":") ? `[${host}]` : host;
  // A tunnel for the port of TLS, and a plain request for the others, as a client would.
  const isTunnel = port === 443;
  const say = isTunnel
    ? `CONNECT ${name}:${port} HTTP/1.1\r\nHost: ${name}:${port}\r\n${proxy.header}\r\n`
    : requestLine(`http://${name}:${port}/${token}`, `${name}:${port}`, proxy.header);
  const inTunnel = isTunnel ? requestLine(`/${token}`, host) : undefined;
  const talk = await converse({
    host: proxy.host,
    port: proxy.port,
    timeoutMs,
    say,
    ...(inTunnel === undefined ? {} : { inTunnel }),
  });
  return toTried(talk, token, true);
}

async function overSocks(
  { host, port }: Try,
  token: string,
  timeoutMs: number,
  proxy: Proxy | undefined,
): Promise<Tried> {
  if (proxy === undefined) return { status: "unable", reason: "the environment names no SOCKS proxy" };
  if (!proxy.isHere)
    return { status: "unable", reason: "the proxy that the environment names is none of this sandbox" };
  const talk = await converseBySocks({ proxy, host, port, timeoutMs, say: requestLine(`/${token}`, host) });
  switch (talk.status) {
    case "said":
      return toTried(talk, token);
    case "failed":
      return { status: "refused", errno: talk.errno };
    case "silent":
      return talk;
    case "refusal":
      // RFC 1928, 6: 3 to 6 are of the way behind it, the others its own.
      return talk.reply >= 3 && talk.reply <= 6
        ? { status: "destination-error", code: talk.reply }
        : { status: "refused-by-proxy", code: talk.reply };
  }
}

function requestLine(path: string, host: string, headers = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`;
}

function toTried(talk: Conversation, token: string, isProxied = false): Tried {
  if (talk.said.includes(proofOf(token))) return { status: "answered" };
  const code = Number(/^HTTP\/1\.[01] (\d{3})/.exec(talk.said)?.[1] ?? 0);
  if (isProxied && code >= 502 && code <= 504) return { status: "destination-error", code };
  if (isProxied && code >= 400) return { status: "refused-by-proxy", code };
  if (talk.said !== "") return { status: "other", by: /^server: *([^\r\n]{1,60})/im.exec(talk.said)?.[1] ?? "" };
  if (talk.errno === undefined) return { status: "silent" };
  return { status: "refused", errno: talk.errno };
}

function asking(timeoutMs: number): Resolver {
  return new Resolver({ timeout: timeoutMs, tries: 1 });
}

function isName(host: string): boolean {
  return isIP(host) === 0 && !/^(?:0x[0-9a-f]+|[0-9.]+)$/i.test(host);
}

async function addressOf(host: string, timeoutMs: number): Promise<string | Tried> {
  try {
    const [first] = await asking(timeoutMs).resolve4(host);
    return first ?? { status: "unresolved", code: "ENODATA" };
  } catch (thrown) {
    return { status: "unresolved", code: codeOf(thrown) };
  }
}

async function lookUp(resolver: Resolver, name: string): Promise<Tried> {
  try {
    const found = await resolver.resolve4(name);
    // The sink answers every name with an address of its own choice, which no real server would give.
    return found.includes(SINK_ADDRESS) ? { status: "answered" } : { status: "other", by: "another resolver" };
  } catch (thrown) {
    return ofLookup(codeOf(thrown));
  }
}

async function lookUpText(resolver: Resolver, name: string, token: string): Promise<Tried> {
  try {
    const found = (await resolver.resolveTxt(name)).flat().join(" ");
    return found.includes(proofOf(token)) ? { status: "answered" } : { status: "other", by: "another resolver" };
  } catch (thrown) {
    return ofLookup(codeOf(thrown));
  }
}

function ofLookup(code: string): Tried {
  if (code === "ETIMEOUT" || code === "ECANCELLED") return { status: "silent" };
  if (code === "ECONNREFUSED") return { status: "refused", errno: code };
  return { status: "unresolved", code };
}

function overUdp({ host, port }: Try, token: string, timeoutMs: number): Promise<Tried> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: isIP(host) === 6 ? "udp6" : "udp4", lookup: asIs });
    let isOver = false;
    const settle = (tried: Tried): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      socket.close();
      resolve(tried);
    };
    const timer = setTimeout(() => setImmediate(() => settle({ status: "silent" })), timeoutMs);
    socket.on("error", (error) => settle({ status: "refused", errno: codeOf(error) }));
    socket.on("message", (message) =>
      settle(message.includes(proofOf(token)) ? { status: "answered" } : { status: "other", by: "" }),
    );
    socket.connect(port, host, (error?: Error | null) => {
      if (error !== undefined && error !== null) return settle({ status: "refused", errno: codeOf(error) });
      if (isOver) return;
      socket.send(token, (failed) => {
        if (failed !== null) settle({ status: "refused", errno: codeOf(failed) });
      });
    });
  });
}

/** What is an address already needs no thread of the system's resolver. */
function asIs(
  host: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  callback(null, host, isIP(host));
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : "unknown";
}
