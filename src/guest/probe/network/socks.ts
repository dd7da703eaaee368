import { connect, isIPv4 } from "node:net";
import type { Proxy } from "./proxy.ts";

/** `said` within the tunnel; `refusal` the proxy's own word: a reply of RFC 1928, 6, or 255 where it takes none of our methods. */
export type SocksTalk =
  | { status: "said"; said: string }
  | { status: "refusal"; reply: number }
  | { status: "failed"; errno: string }
  | { status: "silent" };

const SAID_BYTES_MAX = 4_096;
const VERSION = 5;
const [NO_PASSWORD, PASSWORD] = [0, 2];
const [ADDRESS4, NAME, ADDRESS6] = [1, 3, 4];

/** Asks a SOCKS 5 proxy for a connection, says one thing in it and listens (RFC 1928, RFC 1929). Never rejects. */
export function converseBySocks(talk: {
  proxy: Proxy;
  host: string;
  port: number;
  timeoutMs: number;
  say: string;
}): Promise<SocksTalk> {
  const { proxy, host, port, timeoutMs } = talk;
  return new Promise((resolve) => {
    const socket = connect({ host: proxy.host, port: proxy.port });
    let heard = Buffer.alloc(0);
    let step: "method" | "password" | "reply" | "within" = "method";
    const settle = (end: SocksTalk): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(end);
    };
    const over = (): void =>
      settle(
        step === "within" && heard.length > 0
          ? { status: "said", said: heard.toString("latin1") }
          : { status: "silent" },
      );
    // What has arrived meanwhile comes first.
    const timer = setTimeout(() => setImmediate(() => setImmediate(over)), timeoutMs);
    const ask = (): void => {
      step = "reply";
      socket.write(requestFor(host, port));
    };
    const take = (): void => {
      if (step === "within") return void (heard = heard.subarray(0, SAID_BYTES_MAX));
      if (heard.length < 2) return;
      const second = heard[1] ?? 0;
      if (step === "reply") {
        if (second !== 0) return settle({ status: "refusal", reply: second });
        const end = replyEnd(heard);
        if (end === undefined || heard.length < end) return;
        heard = heard.subarray(end);
        step = "within";
        return void socket.write(talk.say);
      }
      heard = heard.subarray(2);
      if (step === "password") return second === 0 ? ask() : settle({ status: "refusal", reply: second });
      if (second === NO_PASSWORD) return ask();
      if (second !== PASSWORD) return settle({ status: "refusal", reply: second });
      step = "password";
      socket.write(passwordOf(proxy));
    };
    socket.once("connect", () => socket.write(Buffer.from([VERSION, 2, NO_PASSWORD, PASSWORD])));
    socket.on("data", (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      take();
    });
    socket.once("end", over);
    socket.once("error", (error: NodeJS.ErrnoException) =>
      settle({ status: "failed", errno: error.code ?? "unknown" }),
    );
  });
}

function requestFor(host: string, port: number): Buffer {
  const place = isIPv4(host)
    ? Buffer.from([ADDRESS4, ...host.split(".").map(Number)])
    : Buffer.concat([Buffer.from([NAME, Buffer.byteLength(host)]), Buffer.from(host, "latin1")]);
  return Buffer.concat([Buffer.from([VERSION, 1, 0]), place, Buffer.from([port >> 8, port & 255])]);
}

/** Where the reply ends; undefined while its length is not told yet. */
function replyEnd(heard: Buffer): number | undefined {
  const kind: number = heard[3] ?? 0;
  switch (kind) {
    case ADDRESS4:
      return 4 + 4 + 2;
    case ADDRESS6:
      return 4 + 16 + 2;
    case NAME:
      return heard.length < 5 ? undefined : 5 + (heard[4] ?? 0) + 2;
    default:
      return undefined;
  }
}

function passwordOf({ user, password }: Proxy): Buffer {
  const word = (text: string) => {
    const bytes = Buffer.from(text, "utf8").subarray(0, 255);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  };
  return Buffer.concat([Buffer.from([1]), word(user), word(password)]);
}
