import { createHash } from "node:crypto";
import { type IncomingMessage, type OutgoingHttpHeaders, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Exchange } from "../exchange.ts";

/** RFC 6455, 1.3: what shows that the other end read the key, and did not repeat an answer from somewhere. */
const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}${MAGIC}`).digest("base64");
}

/**
 * A connection of HTTP/1.1 whose last request asked to become a WebSocket, dressed as an exchange: `respond` with 200 is what
 * 101 is there, anything else is an answer and the end of the connection.
 * @param head what came behind the request already.
 */
export function upgradedExchange({ headers }: IncomingMessage, peer: Duplex, head: Buffer): Exchange {
  if (head.length > 0) peer.unshift(head);
  const respond: Exchange["respond"] = ({ ":status": code, ...others }, { endStream = false } = {}) => {
    const switched = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-accept": acceptOf(headers["sec-websocket-key"] ?? ""),
    };
    peer.write(
      Number(code) === 200
        ? headOf(101, { ...others, ...switched })
        : headOf(code, { ...others, connection: "close" }),
    );
    if (endStream) peer.end();
  };
  return Object.assign(peer, { respond, close: () => void peer.destroy() });
}

function headOf(code: unknown, headers: OutgoingHttpHeaders): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  return `HTTP/1.1 ${Number(code)} ${STATUS_CODES[Number(code)] ?? "Refused"}\r\n${lines.join("")}\r\n`;
}
