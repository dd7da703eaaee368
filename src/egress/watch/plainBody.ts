import { brotliDecompressSync, inflateRawSync, unzipSync, zstdDecompressSync } from "node:zlib";
import { errnoOf } from "../../base/errors.ts";

/** A body as its sender had it before it was encoded for the way, or why it cannot be had. */
export type PlainBody = { status: "plain"; bytes: Buffer } | { status: "unsearchable"; why: string };

/** A body that grows to more than this is not searched, and so not passed on. */
const PLAIN_BYTES_MAX = 32 * 1024 * 1024;
const ENCODINGS_MAX = 3;

const DECODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  identity: (bytes) => bytes,
  gzip: (bytes) => unzipSync(bytes, LIMIT),
  "x-gzip": (bytes) => unzipSync(bytes, LIMIT),
  deflate: (bytes) => inflated(bytes),
  br: (bytes) => brotliDecompressSync(bytes, LIMIT),
  zstd: (bytes) => zstdDecompressSync(bytes, LIMIT),
};
const LIMIT = { maxOutputLength: PLAIN_BYTES_MAX };

/** Undoes what `content-encoding` names, the last first. A header that lies is as good as none that can be read. */
export function plainBody(contentEncoding: string, body: Buffer): PlainBody {
  const names = contentEncoding
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (body.length === 0) return { status: "plain", bytes: body };
  if (names.length > ENCODINGS_MAX) return { status: "unsearchable", why: "encoded too often" };
  let bytes = body;
  for (const name of names.toReversed()) {
    const decode = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
    if (decode === undefined) return { status: "unsearchable", why: `encoded as ${name.slice(0, 30)}` };
    try {
      bytes = decode(bytes);
    } catch (thrown) {
      const code = errnoOf(thrown);
      if (code === undefined) throw thrown;
      return {
        status: "unsearchable",
        why: code === "ERR_BUFFER_TOO_LARGE" ? "too long when decoded" : `no ${name}`,
      };
    }
  }
  return { status: "plain", bytes };
}

/** `deflate` means a zlib stream, and some send one without its frame: RFC 9110, 8.4.1.2. */
function inflated(bytes: Buffer): Buffer {
  try {
    return unzipSync(bytes, LIMIT);
  } catch (thrown) {
    if (errnoOf(thrown) !== "Z_DATA_ERROR") throw thrown;
    return inflateRawSync(bytes, LIMIT);
  }
}
