import type { Context } from "../probe.ts";

/** Names of the variables, in the order in which a client of TLS takes them. */
const NAMES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/**
 * `header` is a whole line of a request, or empty. It may hold a password, which is said to the proxy alone. `isHere`: it
 * listens in the sandbox itself, so that it is the real one.
 */
export type Proxy = { host: string; port: number; header: string; isHere: boolean };

/** The HTTP proxy that the environment asks to use; undefined without one, and for the one that carries the probe. A SOCKS proxy is none. */
export function proxyOf({ environment, request }: Pick<Context, "environment" | "request">): Proxy | undefined {
  for (const name of NAMES) {
    const value = environment[name] ?? "";
    const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
    if (value === "" || !URL.canParse(text)) continue;
    const url = new URL(text);
    if (url.protocol !== "http:") continue;
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (request.ours.includes(`tcp:${host}:${url.port}`)) continue;
    const user = `${decoded(url.username)}:${decoded(url.password)}`;
    const header =
      user === ":" ? "" : `Proxy-Authorization: Basic ${Buffer.from(user, "utf8").toString("base64")}\r\n`;
    return {
      host,
      port: url.port === "" ? 80 : Number(url.port),
      header,
      isHere: /^127\.|^::1$|^localhost$/.test(host),
    };
  }
  return undefined;
}

/** A percent sign that encodes nothing stands for itself. */
function decoded(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}
