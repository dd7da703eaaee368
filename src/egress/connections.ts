import { connect as connectTcp, isIP, type Socket } from "node:net";
import {
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
  type PeerCertificate,
  rootCertificates,
  type SecureContext,
} from "node:tls";
import type { buildConnector, Pool } from "undici";

/** Where a request goes: the name that it is for, and the address that was vetted. */
export type Destination = {
  scheme: "http" | "https";
  host: string;
  port: number;
  address: string;
  /** May HTTP/2 be agreed on with a host that offers it? */
  isHttp2?: boolean;
};

/**
 * Connections to the outside, kept for the next request to the same name at the same address. One that was vetted at another
 * address is another destination, so that no request goes out over a connection that was looked at for something else.
 */
export type Connections = {
  to(destination: Destination): Promise<Pool>;
  /** One of its own, for what is no request: nobody else gets it. Rejects with the system's or OpenSSL's error. */
  fresh(destination: Destination): Promise<Socket>;
  /** Tears them all down. */
  end(): Promise<void>;
};

const CONNECT_MS = 10_000;
/** Until the head of an answer, and between two of its bytes. */
const IDLE_MS = 60_000;
const KEPT_MS = 4_000;
const PER_DESTINATION_MAX = 64;
const DESTINATIONS_MAX = 128;
const HEADER_BYTES_MAX = 16 * 1024;

/**
 * HTTP/1.1, and HTTP/2 where a rule lets it be agreed on, over TLS from 1.2 on. A certificate must be for the name, in its time, and lead to a root that is trusted; OpenSSL's
 * security level refuses RSA keys under 2,048 bits and signatures over SHA-1. Whether it was revoked is not asked. The client
 * and the roots are loaded with the first destination: a gateway that nobody asks for the outside has 30 MB less to hold.
 * @param certificates PEM, trusted besides the system's.
 */
export function keptConnections(certificates: readonly string[]): Connections {
  let trust: SecureContext | undefined;
  const trusted = () =>
    (trust ??= createSecureContext({ ca: [...rootCertificates, ...certificates], minVersion: "TLSv1.2" }));
  const pools = new Map<string, Pool>();
  let client: typeof import("undici") | undefined;

  const connectTo = (to: Destination, done: buildConnector.Callback) => {
    const socket =
      to.scheme === "http"
        ? connectTcp({ host: to.address, port: to.port, noDelay: true })
        : connectTls({
            host: to.address,
            port: to.port,
            // RFC 6066: an address is no server name.
            servername: isIP(to.host) === 0 ? to.host : "",
            ALPNProtocols: to.isHttp2 === true ? ["h2", "http/1.1"] : ["http/1.1"],
            secureContext: trusted(),
            checkServerIdentity: checkNamed,
          });
    settle(socket, to.scheme === "http" ? "connect" : "secureConnect", done);
  };
  const open = (client: typeof import("undici"), to: Destination) =>
    new client.Pool(`${to.scheme}://${isIP(to.host) === 6 ? `[${to.host}]` : to.host}:${to.port}`, {
      connect: (_, done) => connectTo(to, done),
      connections: PER_DESTINATION_MAX,
      pipelining: 1,
      allowH2: to.isHttp2 === true,
      headersTimeout: IDLE_MS,
      bodyTimeout: IDLE_MS,
      keepAliveTimeout: KEPT_MS,
      keepAliveMaxTimeout: KEPT_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    });
  return {
    async to(destination) {
      client ??= await import("undici");
      const { scheme, host, port, address, isHttp2 = false } = destination;
      const key = JSON.stringify([scheme, host, port, address, isHttp2]);
      const pool = pools.get(key) ?? open(client, { scheme, host, port, address, isHttp2 });
      // Last in the map: the one that was used longest ago is the first to go.
      pools.delete(key);
      pools.set(key, pool);
      for (const [oldKey, old] of pools) {
        if (pools.size <= DESTINATIONS_MAX) break;
        pools.delete(oldKey);
        void old.close();
      }
      return pool;
    },
    fresh: (destination) =>
      new Promise((resolve, reject) => {
        connectTo({ ...destination, isHttp2: false }, (error, socket) =>
          socket === null ? reject(error) : resolve(socket),
        );
      }),
    async end() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

/** RFC 9525, 6.3: the common name is no name of a host, although Node takes it for one where there is no other. */
function checkNamed(host: string, certificate: PeerCertificate): Error | undefined {
  return checkServerIdentity(host, { ...certificate, subject: { ...certificate.subject, CN: "" } });
}

function settle(socket: Socket, ready: "connect" | "secureConnect", done: buildConnector.Callback): void {
  const late = setTimeout(() => socket.destroy(new Error("no connection in time")), CONNECT_MS);
  const onError = (error: Error) => {
    clearTimeout(late);
    done(error, null);
  };
  socket.once("error", onError);
  socket.once(ready, () => {
    clearTimeout(late);
    socket.off("error", onError);
    done(null, socket);
  });
}
