import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import type { Exchange } from "../exchange.ts";
import { type FormFault, formFaultOf, type Upgrade, upgradeOf } from "../form.ts";
import { answerFor } from "../reasons.ts";
import { upgradedExchange } from "./upgraded.ts";

/** One request of HTTP/1.1, with the headers that it would have over HTTP/2. */
type OnRequest = (exchange: Exchange, headers: IncomingMessage["headers"], form: Form) => void;
export type Form = { fault?: FormFault | undefined; upgrade?: Upgrade | undefined };

/** A request without a Host is refused like all that are not decided, and not by the server before we hear of it. */
const OPTIONS = { maxHeaderSize: 16 * 1024, keepAliveTimeout: 0, requireHostHeader: false };
const HEADERS_MAX = 100;

/** One for all connections: a server of its own costs a connection 60 KB. */
export type Http1Server = {
  /**
   * Serves HTTP/1.1 on one connection. What the parser refuses is answered with 400 and the end of the connection, and told to
   * `onMalformed`. A request that asks for a WebSocket comes with all that follows it on the connection; one that asks for
   * anything else comes as any other does, and says so in its form.
   */
  serve(socket: Duplex, onRequest: OnRequest, onMalformed: () => void): void;
};

export function http1Server(): Http1Server {
  const handlers = new WeakMap<Duplex, { onRequest: OnRequest; onMalformed: () => void }>();
  const take = (request: IncomingMessage, exchange: Exchange, upgrade?: Upgrade) => {
    const { method = "", url = "", headers } = request;
    const pseudo = { ":method": method, ":scheme": "https", ":authority": headers.host, ":path": url };
    const form = { fault: formFaultOf(request), upgrade };
    handlers.get(request.socket)?.onRequest(exchange, { ...headers, ...pseudo }, form);
  };
  const options = { ...OPTIONS, shouldUpgradeCallback: isUpgrade };
  const server = createServer(options, (request, response) => take(request, new Http1Exchange(request, response)));
  server.on("upgrade", (request, peer, head) => take(request, upgradedExchange(request, peer, head), "websocket"));
  // What a request expects that Node does not know, it would refuse by itself, and nobody would hear of the request.
  server.on("checkExpectation", (request, response) => take(request, new Http1Exchange(request, response)));
  server.maxHeadersCount = HEADERS_MAX;
  const refuse = (_: unknown, peer: Duplex) => {
    handlers.get(peer)?.onMalformed();
    const { status, sentence } = answerFor("inner-malformed");
    if (!peer.writable) return void peer.destroy();
    peer.end(
      `HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain\r\ncontent-length: ${sentence.length + 1}\r\nconnection: close\r\n\r\n${sentence}\n`,
      // Nobody reads what it still says.
      () => peer.destroy(),
    );
  };
  server.on("clientError", refuse).on("connect", refuse);
  return {
    serve(socket, onRequest, onMalformed) {
      handlers.set(socket, { onRequest, onMalformed });
      server.emit("connection", socket);
    },
  };
}

function isUpgrade({ method = "", rawHeaders }: IncomingMessage): boolean {
  return upgradeOf(method, rawHeaders) !== undefined;
}

class Http1Exchange extends Duplex {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    super({ autoDestroy: false });
    this.#request = request;
    this.#response = response;
    request.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) request.pause();
    });
    request.once("end", () => {
      if (Object.keys(request.trailers).length > 0) this.emit("trailers", request.trailers);
      this.push(null);
    });
    // A request that breaks off says so here, too; that it did is seen by the close.
    request.on("error", () => undefined);
    response.once("close", () => this.destroy());
  }

  respond(headers: OutgoingHttpHeaders, { endStream = false } = {}): void {
    const { ":status": code, ...others } = headers;
    // The rest of a body that nobody waits for must not be read as the next request.
    const ending = this.#request.complete ? {} : { connection: "close" };
    this.#response.writeHead(Number(code), { ...others, ...ending });
    if (endStream) this.end();
  }

  close(): void {
    this.destroy();
  }

  override _read(): void {
    this.#request.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#response.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#response.end(done);
  }

  /** An answer that is not whole ends with its connection: without it the client would take it for one. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#response.writableFinished) this.#request.socket.destroy();
    done(error);
  }
}
