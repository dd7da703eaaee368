import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { ArchiveFault, brokenOr, type Member, type Room } from "./archive.ts";
import type { SourceFault } from "./faults.ts";
import { Overrun, overrunGuard } from "./guard.ts";
import { bytesOf } from "./quarantine.ts";
import { untar } from "./untar.ts";
import { unzip } from "./unzip.ts";

/** Archives are opened by what they are, not by what they are called, and only within these bounds. */
export type UnpackLimits = {
  /** A file in one archive is at depth 1, a tar.gz has 2. */
  depthMax: number;
  /** Unpacked to packed, of each archive; a small one may unpack to RATIO_FLOOR_BYTES all the same. */
  ratioMax: number;
  /** Entries over all levels. */
  countMax: number;
  /** Everything that is written, over all levels. */
  bytesMax: number;
};

export type Unpacked =
  | { status: "ok"; members: Member[] }
  | { status: "refused"; reason: SourceFault; detail: string };

const RATIO_FLOOR_BYTES = 1024 * 1024;
const NAME_LENGTH_MAX = 255;

/** Leaves its files at `next()`; whoever made those paths clears them away. Rejects only when the disk does. */
export async function unpack(file: string, next: () => string, limits: UnpackLimits): Promise<Unpacked> {
  const left = { count: limits.countMax, bytes: limits.bytesMax };
  try {
    return { status: "ok", members: await openAll({ file, name: null }, 0, next, limits, left) };
  } catch (thrown) {
    if (!(thrown instanceof ArchiveFault) && !(thrown instanceof Overrun)) throw thrown;
    return { status: "refused", reason: thrown.reason, detail: thrown.message };
  }
}

async function openAll(
  from: Member,
  depth: number,
  next: () => string,
  limits: UnpackLimits,
  left: { count: number; bytes: number },
): Promise<Member[]> {
  const kind = kindOf(await headOf(from.file));
  if (kind === "plain") return [from];
  if (depth >= limits.depthMax) throw new ArchiveFault("source-archive-depth", `a ${kind} at depth ${depth + 1}`);
  const room = roomIn(from.file, next, limits, left);
  const members = await MEMBERS_OF[kind](from, room);
  const opened: Member[] = [];
  for (const member of members) opened.push(...(await openAll(member, depth + 1, next, limits, left)));
  return opened;
}

const MEMBERS_OF = { gzip: gunzip, tar: untar, zip: unzip };

async function gunzip({ file, name }: Member, room: Room): Promise<Member[]> {
  const inner = name?.replace(/\.(?:gz|tgz)$/i, "") ?? null;
  const to = room.next();
  try {
    await pipeline(
      createReadStream(file),
      createGunzip(),
      room.admit(inner ?? "file"),
      createWriteStream(to, { flags: "wx", mode: 0o600 }),
    );
  } catch (thrown) {
    throw brokenOr(thrown);
  }
  return [{ file: to, name: inner }];
}

function roomIn(
  archive: string,
  next: () => string,
  limits: UnpackLimits,
  left: { count: number; bytes: number },
): Room {
  let ofRatio = Math.max(RATIO_FLOOR_BYTES, bytesOf(archive) * limits.ratioMax);
  return {
    next,
    admit(name) {
      refuseName(name);
      if (left.count-- <= 0) throw new ArchiveFault("source-archive-count", `over ${limits.countMax} files`);
      const isRatio = ofRatio < left.bytes;
      return overrunGuard(
        Math.min(ofRatio, left.bytes),
        isRatio ? "source-archive-ratio" : "source-archive-length",
        (bytes) => {
          ofRatio -= bytes;
          left.bytes -= bytes;
        },
      );
    },
  };
}

/** No name becomes one on our disk; one that leads out of the archive is refused because honest archives have none. */
function refuseName(name: string): void {
  const isOut = name.startsWith("/") || /^[A-Za-z]:/.test(name) || name.split(/[/\\]/).includes("..");
  if (isOut || name.includes("\\") || name.includes("\0") || name === "" || name.length > NAME_LENGTH_MAX) {
    throw new ArchiveFault("source-archive-name", "a name that leads out of the archive, or is none");
  }
}

async function headOf(file: string): Promise<Buffer> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Formats that are not opened here are no text either, and fail where they are read. */
function kindOf(head: Buffer): "plain" | "gzip" | "tar" | "zip" {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head[0] === 0x50 && head[1] === 0x4b && (head[2] === 3 || head[2] === 5) && head[3] === head[2] + 1)
    return "zip";
  if (head.subarray(257, 262).toString("latin1") === "ustar") return "tar";
  return "plain";
}
