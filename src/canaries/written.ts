/** One way in which a value may be written inside other text. */
export type Written = {
  encoding:
    | "plain"
    | "base64"
    | "hex"
    | "url"
    | "json"
    | "html"
    | "reversed"
    | "lower-case"
    | "upper-case"
    | "utf-16";
  bytes: Buffer;
  /** Base64 only: how many bytes of a group of three stand before the value, and the first character's place in its group of four. */
  alignment?: { before: number; skipped: number };
};

/**
 * A value in every encoding that keeps it contiguous, without those that look the same as another and without any
 * under four bytes. `value` is bytes; text is UTF-8. A base64 form is cut to the characters that the neighbours' bits
 * do not touch, so it is found wherever the value stands in a longer encoded text.
 */
export function writtenForms(value: Buffer): Written[] {
  const forms: Written[] = [{ encoding: "plain", bytes: value }];
  const add = (encoding: Written["encoding"], text: string, alignment?: Written["alignment"]) => {
    const bytes = Buffer.from(text, "latin1");
    if (bytes.length < 4 || forms.some((form) => form.bytes.equals(bytes))) return;
    forms.push({ encoding, bytes, ...(alignment === undefined ? {} : { alignment }) });
  };
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), value])
      .toString("base64")
      .replaceAll("=", "");
    const skipped = before === 0 ? 0 : before + 1;
    const isCutClean = (before + value.length) % 3 === 0;
    const inner = encoded.slice(skipped, isCutClean ? encoded.length : -1);
    add("base64", inner, { before, skipped });
    add("base64", inner.replaceAll("+", "-").replaceAll("/", "_"), { before, skipped });
  }
  const hex = value.toString("hex");
  add("hex", hex);
  add("hex", hex.toUpperCase());
  const text = value.toString("latin1");
  const percent = text.replaceAll(/[^A-Za-z0-9_.~-]/g, (c) => `%${code(c)}`);
  add("url", percent.toUpperCase() === percent ? percent : percent.replaceAll(/%../g, (p) => p.toUpperCase()));
  add("url", percent);
  add(
    "url",
    text.replaceAll(/[^A-Za-z0-9_.!~*'()-]/g, (c) => `%${code(c).toUpperCase()}`),
  );
  add(
    "url",
    text.replaceAll(/[^A-Za-z0-9_.!~*'();,/?:@&=+$#-]/g, (c) => `%${code(c).toUpperCase()}`),
  );
  const json = jsonEscaped(text);
  add("json", json);
  add("json", json.replaceAll("/", "\\/"));
  add("json", jsonEscaped(json));
  add(
    "html",
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
  );
  return forms.filter((form) => form.bytes.length >= 4);
}

/** Backwards, which some tools use to hide a value from scanners. */
export function reversed(value: Buffer): Written {
  return { encoding: "reversed", bytes: Buffer.from(value.toReversed()) };
}

/** A byte of nothing between any two, as Windows writes text and PowerShell takes its commands, in base64; of either byte order. */
export function wide(value: Buffer): Written {
  return { encoding: "utf-16", bytes: Buffer.from(value.toString("latin1"), "utf16le").subarray(0, -1) };
}

/** What is shorter may stand there by chance when its case does not count. */
const CASE_LENGTH_MIN = 16;

/** The names of headers and of hosts lose their case on the way. */
export function withoutCase(value: Buffer): Written[] {
  if (value.length < CASE_LENGTH_MIN) return [];
  const text = value.toString("latin1");
  const forms: [Written["encoding"], string][] = [
    ["lower-case", text.toLowerCase()],
    ["upper-case", text.toUpperCase()],
  ];
  return forms
    .filter(([, form]) => form !== text)
    .map(([encoding, form]) => ({ encoding, bytes: Buffer.from(form, "latin1") }));
}

/** Of a text whose characters are bytes. */
export function jsonEscaped(latin1: string): string {
  const utf8 = Buffer.from(latin1, "latin1").toString("utf8");
  return Buffer.from(JSON.stringify(utf8).slice(1, -1), "utf8").toString("latin1");
}

function code(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, "0");
}
