/** A file's bytes as text that can be stripped, and the way back; `binary` when they are none. */
export type Readable =
  | { status: "text"; bytes: Buffer; back(bytes: Buffer): Buffer }
  | { status: "binary"; reason: string };

/**
 * UTF-16 is read as UTF-8 and written back as it was; all else is taken byte for byte. A NUL byte makes a file binary:
 * its parts may be stored in ways that no stripper sees.
 */
export function readable(bytes: Buffer): Readable {
  if (bytes[0] === 0xff && bytes[1] === 0xfe && bytes.length % 2 === 0) {
    const utf8 = Buffer.from(bytes.toString("utf16le"), "utf8");
    const back = (changed: Buffer) => Buffer.from(changed.toString("utf8"), "utf16le");
    if (back(utf8).equals(bytes) && !utf8.includes(0)) return { status: "text", bytes: utf8, back };
  }
  if (bytes.includes(0)) return { status: "binary", reason: "binary, which cannot be stripped" };
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    return { status: "binary", reason: "compressed, which cannot be stripped" };
  return { status: "text", bytes, back: (changed) => changed };
}
