import type { TLSSocket } from "node:tls";
import { type FlowBench, type FlowBenchOptions, flowBench } from "./flowBench.ts";
import { selfSigned } from "./selfSigned.ts";
import { type OpenTunnel, openTunnel, tlsIn } from "./tunnel.ts";
import { type Upstream, upstream } from "./upstream.ts";

/** One host behind TLS that answers `answer`, a rule for it, and the gateway between: what an allowed tunnel reaches. */
export type TunnelBed = {
  host: Upstream;
  bench: FlowBench;
  place: string;
  open(): Promise<OpenTunnel>;
  /** TLS to the gateway's own end, as a client does that trusts the cycle's authority. */
  tls(alpn: "h2" | "http/1.1"): Promise<TLSSocket>;
  [Symbol.asyncDispose](): Promise<void>;
};

export const HOST = "api.example";

export async function tunnelBed(
  over: Record<string, unknown> = {},
  options: FlowBenchOptions = {},
  answer: Parameters<typeof upstream>[0] = (response) => response.writeHead(200, { etag: "e" }).end("answer"),
): Promise<TunnelBed> {
  const pair = selfSigned(HOST);
  const host = await upstream(answer, pair);
  const isSplice = over["mode"] === "splice";
  const narrow = isSplice ? {} : { methods: ["GET", "POST"], paths: ["/v1/{id}"] };
  const rule = { id: "one", host: HOST, port: host.port, requestBytesMax: 10_000, ...narrow, ...over };
  const pins = [{ host: HOST, address: "127.0.0.1" }];
  const bench = await flowBench({ rules: [rule], pins, certificates: [pair.cert], ...options });
  const place = `${HOST}:${host.port}`;
  const open = () => openTunnel(bench, place);
  return {
    host,
    bench,
    place,
    open,
    async tls(alpn) {
      const ca = isSplice ? pair.cert : await bench.certificate();
      return tlsIn(await open(), HOST, { ca, ALPNProtocols: [alpn] });
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}
