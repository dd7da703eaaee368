import type { IncomingMessage } from "node:http";

/**
 * The forms of an HTTP/1.1 request that two readers could understand differently, or that would make it something else than
 * a request. Node's parser refuses most of them itself (both lengths, a folded line, a space before the colon); these it
 * takes: a second Host (the first one counts), a whole URL with another host, an upgrade that is passed over in silence, a line
 * without a version.
 */
export const FORM_FAULTS = [
  "form-target",
  "form-hosts",
  "form-twice",
  "form-upgrade",
  "form-coding",
  "form-version",
  "form-expect",
] as const;
export type FormFault = (typeof FORM_FAULTS)[number];

/** What a request would make of its connection. RFC 6455 is the one thing that a rule may allow. */
export type Upgrade = "websocket";

/** Of these a second one is a second opinion. */
const SINGLE = ["authorization", "content-encoding", "content-length", "content-type", "transfer-encoding"];

type FirstLine = Pick<IncomingMessage, "method" | "url" | "httpVersion" | "rawHeaders">;

/** @param rawHeaders name, value, name, value, … as they came. */
export function formFaultOf({ method = "", url = "", httpVersion, rawHeaders }: FirstLine): FormFault | undefined {
  const values = valuesOf(rawHeaders);
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return "form-version";
  // To a proxy one sends the whole URL, and this is none: inside a tunnel stands the host itself.
  if (!url.startsWith("/")) return "form-target";
  if (values.get("host")?.length !== 1) return "form-hosts";
  if (SINGLE.some((name) => (values.get(name)?.length ?? 0) > 1)) return "form-twice";
  if (values.has("http2-settings")) return "form-upgrade";
  if (values.has("upgrade") && !isWebsocket(method, values)) return "form-upgrade";
  if (values.get("expect")?.some((one) => withoutSpace(one).toLowerCase() !== "100-continue") === true)
    return "form-expect";
  const coding = values.get("transfer-encoding")?.[0];
  if (coding !== undefined && (withoutSpace(coding).toLowerCase() !== "chunked" || values.has("content-length"))) {
    return "form-coding";
  }
  return undefined;
}

/** Does it ask for a WebSocket, in the one form that is taken? */
export function upgradeOf(method: string, rawHeaders: readonly string[]): Upgrade | undefined {
  return isWebsocket(method, valuesOf(rawHeaders)) ? "websocket" : undefined;
}

/** RFC 6455, 4.2.1, and without a body: what follows the head is frames, and nothing else. */
function isWebsocket(method: string, values: ReadonlyMap<string, readonly string[]>): boolean {
  const only = (name: string) =>
    values.get(name)?.length === 1 ? withoutSpace(values.get(name)?.[0] ?? "") : undefined;
  const isAsked = (values.get("connection") ?? []).some((value) => /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(value));
  const hasBody = values.has("content-length") || values.has("transfer-encoding");
  return (
    method === "GET" &&
    isAsked &&
    !hasBody &&
    only("upgrade")?.toLowerCase() === "websocket" &&
    only("sec-websocket-version") === "13" &&
    // 16 bytes in base64.
    /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(only("sec-websocket-key") ?? "")
  );
}

/** RFC 9110, 5.6.3: spaces and tabs, and nothing else that a language takes for space. */
export function withoutSpace(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, "");
}

function valuesOf(rawHeaders: readonly string[]): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? "";
    values.set(name, [...(values.get(name) ?? []), rawHeaders[i + 1] ?? ""]);
  }
  return values;
}
