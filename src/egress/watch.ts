import type { IncomingHttpHeaders } from "node:http";
import type { Recogniser, Sighting } from "../canaries/canaries.ts";

/** A fake seen on its way up, and where in the request. */
export type Hit = { where: "headers" | "path" | "body"; sighting: Sighting };

/**
 * Searches all that a request carries up, whatever will be decided about it. Each part is searched whole, so a fake that
 * came in pieces of a body is found; one spread over several requests or several headers is not.
 */
export function searchRequest(
  recogniser: Recogniser | null,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
): Hit | undefined {
  if (recogniser === null) return undefined;
  const { ":path": path, ...others } = headers;
  const parts = [
    ["path", Buffer.from(String(path ?? ""))],
    ["headers", Buffer.from(headerText(others))],
    ["body", body],
  ] as const;
  for (const [where, bytes] of parts) {
    const sighting = bytes.length === 0 ? undefined : recogniser.search(bytes)[0];
    if (sighting !== undefined) return { where, sighting };
  }
  return undefined;
}

function headerText(headers: IncomingHttpHeaders): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(", ") : (value ?? "")}`)
    .join("\n");
}
