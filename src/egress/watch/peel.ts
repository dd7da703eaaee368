/** How often an encoding of a whole value inside another is undone. */
const LAYERS_MAX = 3;
/** A longer value is searched for encodings as it is. */
const PEELED_BYTES_MAX = 4_096;

/**
 * A value without the encodings that it stands in as a whole: URL escapes, hex, base64. Each piece of a fake may have been
 * encoded by itself, and then only the decoded pieces fit together. What does not decode to printable text is left as it is; a
 * piece that happens to be base64 of something printable is decoded wrongly, and its plain form is looked at beside it.
 */
export function peeled(bytes: Buffer): Buffer {
  let text = bytes;
  if (text.length > PEELED_BYTES_MAX) return text;
  for (let layer = 0; layer < LAYERS_MAX; layer++) {
    const inner = decoded(text.toString("latin1"));
    if (inner === undefined) return text;
    text = inner;
  }
  return text;
}

function decoded(text: string): Buffer | undefined {
  if (/%[0-9A-Fa-f]{2}/.test(text)) {
    return Buffer.from(
      text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
      "latin1",
    );
  }
  if (text.length % 2 === 0 && /^[0-9A-Fa-f]{4,}$/.test(text)) return printable(Buffer.from(text, "hex"));
  if (/^[A-Za-z0-9+/_-]{2,}={0,2}$/.test(text)) return printable(Buffer.from(text, "base64"));
  return undefined;
}

function printable(bytes: Buffer): Buffer | undefined {
  return bytes.length > 0 && bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a)
    ? bytes
    : undefined;
}
