/**
 * The forms of an HTTP/1.1 request that two readers could understand differently, or that would make it something else than
 * a request. Node's parser refuses most of them itself (both lengths, a folded line, a space before the colon); these it
 * takes: a second Host (the first one counts), a whole URL with another host, an upgrade that is passed over in silence.
 */
export const FORM_FAULTS = ["form-target", "form-hosts", "form-twice", "form-upgrade", "form-coding"] as const;
export type FormFault = (typeof FORM_FAULTS)[number];

/** Of these a second one is a second opinion. */
const SINGLE = ["authorization", "content-encoding", "content-length", "content-type", "transfer-encoding"];

/** @param rawHeaders name, value, name, value, … as they came. */
export function formFaultOf(target: string, rawHeaders: readonly string[]): FormFault | undefined {
  const values = new Map<string, string[]>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? "";
    values.set(name, [...(values.get(name) ?? []), rawHeaders[i + 1] ?? ""]);
  }
  // To a proxy one sends the whole URL, and this is none: inside a tunnel stands the host itself.
  if (!target.startsWith("/")) return "form-target";
  if (values.get("host")?.length !== 1) return "form-hosts";
  if (SINGLE.some((name) => (values.get(name)?.length ?? 0) > 1)) return "form-twice";
  if (values.has("upgrade") || values.has("http2-settings")) return "form-upgrade";
  const coding = values.get("transfer-encoding")?.[0];
  if (coding !== undefined && (coding.trim().toLowerCase() !== "chunked" || values.has("content-length"))) {
    return "form-coding";
  }
  return undefined;
}
