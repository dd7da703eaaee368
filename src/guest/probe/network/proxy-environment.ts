import type { Check, Row } from "../probe.ts";
import { absent, notMeasured, reachable } from "../row.ts";

const NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "GRPC_PROXY"] as const;

export const proxyEnvironment: Check = {
  id: "proxy-environment",
  category: "network",
  why: "A proxy that is only asked for, by a variable, holds back nobody who ignores it; it also is a way out for those who follow.",
  misses: "Whether anything gets out past it: nothing is sent. Its address and password are not repeated.",
  source: "curl(1), environment; sandboxbench proxy_bypass",
  async run({ environment }) {
    const rows = NAMES.map((name): Row => {
      const id = `proxy-environment:${name}`;
      const value = environment[name] ?? environment[name.toLowerCase()] ?? "";
      if (value === "") return absent(id, name, "not set");
      const url = parse(value);
      if (url === undefined) return notMeasured(id, name, "set, and no address that can be read");
      const host = url.hostname.replace(/^\[|\]$/g, "");
      const isLoopback = /^127\.|^::1$|^localhost$/.test(host);
      const where = isLoopback ? "on the loopback" : "elsewhere";
      const password = url.password === "" ? "" : ", with a password in it";
      return reachable(
        id,
        name,
        ["connect"],
        `${url.protocol.slice(0, -1)} proxy ${where}${password}`,
        `tcp:${host}:${url.port}`,
      );
    });
    return { rows };
  },
};

/** Also without a scheme, as many programs take it. */
function parse(value: string): URL | undefined {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  return URL.canParse(text) ? new URL(text) : undefined;
}
