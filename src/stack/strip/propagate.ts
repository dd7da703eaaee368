import { matcher } from "../../canaries/matcher.ts";
import { reversed, type Written, writtenForms } from "../../canaries/written.ts";
import type { Harvested } from "./harvest.ts";

/** A harvested value that stands somewhere, and what is written in its place. */
export type Hit = { start: number; end: number; kind: string; value: string; encoding: string; written: string };

/** Finds every harvested value in every encoding that keeps it contiguous, and writes its fake in the same. */
export function propagation(harvested: readonly Harvested[], fakeOfLine: (line: string) => string) {
  const needles = harvested.flatMap(({ traces, value, fake, kind }) =>
    traces.flatMap((trace) => {
      const bytes = Buffer.from(trace, "latin1");
      const replacement = trace === value ? fake : fakeOfLine(trace);
      return [...writtenForms(bytes), reversed(bytes)].map((form) => ({
        bytes: form.bytes,
        tag: { form, trace, replacement, kind },
      }));
    }),
  );
  for (const { companion, kind } of harvested) {
    if (companion === undefined) continue;
    const bytes = Buffer.from(companion.value, "latin1");
    const form: Written = { encoding: "plain", bytes };
    needles.push({
      bytes,
      tag: { form, trace: companion.value, replacement: companion.fake, kind: `public half of a ${kind}` },
    });
  }
  const search = matcher(needles.filter((needle) => needle.bytes.length >= 4));
  return (text: Buffer): Hit[] => {
    const hits: Hit[] = [];
    search.find(text, ({ tag: { form, trace, replacement, kind } }, at) => {
      const place = rewritten(text, form, trace, replacement, at);
      hits.push({ ...place, kind, value: trace, encoding: form.encoding });
    });
    // The longest first: a short value inside a long one is the long one's.
    return hits.sort((a, b) => b.end - b.start - (a.end - a.start) || a.start - b.start);
  };
}

function rewritten(text: Buffer, form: Written, trace: string, replacement: string, at: number) {
  const end = at + form.bytes.length;
  if (form.encoding === "base64") {
    const inPlace = inBase64(text, form, trace, replacement, at);
    if (inPlace !== undefined) return inPlace;
  }
  const same = writtenForms(Buffer.from(replacement, "latin1")).find((other) => other.encoding === form.encoding);
  const backwards = form.encoding === "reversed" ? reversed(Buffer.from(replacement, "latin1")).bytes : undefined;
  const written = (backwards ?? same?.bytes ?? Buffer.from(replacement, "latin1")).toString("latin1");
  const isUpper = form.encoding === "hex" && /[A-F]/.test(form.bytes.toString("latin1"));
  return { start: at, end, written: isUpper ? written.toUpperCase() : written };
}

/** The groups of four characters that hold the value, decoded, changed and encoded again; undefined when they are cut off or the fake is longer. */
function inBase64(text: Buffer, form: Written, trace: string, replacement: string, at: number) {
  if (form.alignment === undefined || replacement.length !== trace.length) return undefined;
  const start = at - form.alignment.skipped;
  const length = Math.ceil((form.alignment.before + trace.length) / 3) * 4;
  if (start < 0) return undefined;
  const encoded = /^[A-Za-z0-9+/_-]*/.exec(text.toString("latin1", start, start + length))?.[0] ?? "";
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("latin1", form.alignment.before, form.alignment.before + trace.length) !== trace)
    return undefined;
  bytes.write(replacement, form.alignment.before, "latin1");
  const isUrlSafe = /[-_]/.test(encoded);
  const written = bytes.toString(isUrlSafe ? "base64url" : "base64").slice(0, encoded.length);
  return { start, end: start + encoded.length, written };
}
