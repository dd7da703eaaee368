/**
 * Archives in the "newc" form of cpio, which is what the kernel unpacks as its first file system (Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst). Several archives one after the other are one: what a later
 * one holds comes on top.
 */
export type CpioEntry =
  | { kind: "directory"; path: string; mode: number }
  | { kind: "file"; path: string; mode: number; content: Uint8Array }
  | { kind: "link"; path: string; target: string };

/** Paths are relative; a directory stands before what is in it. Everything belongs to root and has no date, so the same entries are the same bytes. */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, i) => member(entry.path, i + 1, modeOf(entry), contentOf(entry)));
  return padded([...parts, ...member("TRAILER!!!", 0, 0, EMPTY)], ARCHIVE_ALIGN);
}

const EMPTY = new Uint8Array();
/** The kernel skips zeros between archives, and wants each to begin at a multiple of four. */
const ARCHIVE_ALIGN = 512;
const MEMBER_ALIGN = 4;
const TYPES = { directory: 0o040000, file: 0o100000, link: 0o120000 } as const;

function modeOf(entry: CpioEntry): number {
  return TYPES[entry.kind] | (entry.kind === "link" ? 0o777 : entry.mode);
}

function contentOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === "directory") return EMPTY;
  return entry.kind === "file" ? entry.content : Buffer.from(entry.target);
}

function member(path: string, inode: number, mode: number, content: Uint8Array): Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  const links = 1;
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [padded([header, name], MEMBER_ALIGN), padded([content], MEMBER_ALIGN)];
}

function padded(parts: readonly Uint8Array[], align: number): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat(parts, Math.ceil(length / align) * align);
}
