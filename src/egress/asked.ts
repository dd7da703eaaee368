import type { IncomingHttpHeaders } from "node:http2";
import type { AdmittedGuest } from "./admitted.ts";
import type { EgressRequest } from "./decide.ts";
import type { Inner } from "./tunnel/tunnel.ts";

/** What a request asks for, as it came. @param inner of one that came out of a tunnel. */
export function askedOf(headers: IncomingHttpHeaders, guest: AdmittedGuest, inner: Inner | undefined): EgressRequest {
  const text = (name: string) => (typeof headers[name] === "string" ? headers[name] : undefined);
  // RFC 8441: a CONNECT that names a protocol is what an upgrade is in HTTP/1.1. Of another protocol it is none that is known.
  const protocol = headers[":protocol"] === undefined ? inner?.upgrade : text(":protocol");
  const isWebsocket = protocol === "websocket";
  return {
    role: guest.role,
    method: isWebsocket ? "GET" : (text(":method") ?? ""),
    scheme: text(":scheme"),
    authority: text(":authority"),
    path: text(":path"),
    contentType: text("content-type"),
    tunnel: inner?.place,
    form: inner?.form ?? (protocol === undefined || isWebsocket ? undefined : "form-upgrade"),
    upgrade: isWebsocket ? "websocket" : undefined,
  };
}

/** What it carries comes only after our answer, and has no end that is known before. */
export function isOpenEnded({ method, upgrade }: EgressRequest): boolean {
  return method === "CONNECT" || upgrade !== undefined;
}
