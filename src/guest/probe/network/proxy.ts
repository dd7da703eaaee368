import type { Context } from "../probe.ts";

/** Names of the variables, in the order in which a client of TLS takes them. */
const NAMES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/**
 * `header` is a whole line of a request, or empty. It may hold the password, which is said to the proxy alone. `isHere`: it
 * listens in the sandbox itself, so that it is the real one.
 */
export type Proxy = {
  host: string;
  port: number;
  user: string;
  password: string;
  header: string;
  isHere: boolean;
};

/** The HTTP proxy that the environment asks to use; undefined without one, and for the one that carries the probe. A SOCKS proxy is none. */
export function proxyOf(context: Pick<Context, "environment" | "request">): Proxy | undefined {
  return firstOf(context, NAMES, /^http:$/);
}

/** Beside these a client of SOCKS takes what is meant for FTP, which srt puts there. */
const SOCKS_NAMES = ["ALL_PROXY", "all_proxy", "SOCKS_PROXY", "socks_proxy", "FTP_PROXY", "ftp_proxy"];

/** The SOCKS proxy that it names. */
export function socksProxyOf(context: Pick<Context, "environment" | "request">): Proxy | undefined {
  return firstOf(context, SOCKS_NAMES, /^socks5?h?:$/);
}

function firstOf(
  { environment, request }: Pick<Context, "environment" | "request">,
  names: readonly string[],
  protocol: RegExp,
): Proxy | undefined {
  for (const name of names) {
    const value = environment[name] ?? "";
    const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
    if (value === "" || !URL.canParse(text)) continue;
    const url = new URL(text);
    if (!protocol.test(url.protocol)) continue;
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (request.ours.includes(`tcp:${host}:${url.port}`)) continue;
    const [user, password] = [decoded(url.username), decoded(url.password)];
    const credentials = Buffer.from(`${user}:${password}`, "utf8").toString("base64");
    return {
      host,
      port: url.port === "" ? DEFAULT_PORT[url.protocol === "http:" ? "http" : "socks"] : Number(url.port),
      user,
      password,
      header: user === "" && password === "" ? "" : `Proxy-Authorization: Basic ${credentials}\r\n`,
      isHere: /^127\.|^::1$|^localhost$/.test(host),
    };
  }
  return undefined;
}

const DEFAULT_PORT = { http: 80, socks: 1080 } as const;

/** A percent sign that encodes nothing stands for itself. */
function decoded(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}
