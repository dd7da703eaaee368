import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import { type UnpackLimits, unpack } from "../../../src/egress/source/unpack.ts";

const MIB = 1024 * 1024;
const LIMITS: UnpackLimits = { depthMax: 2, ratioMax: 100, countMax: 10, bytesMax: 8 * MIB };

describe("within the bounds", () => {
  test("a plain file is itself", async () => {
    expect(await opened(Buffer.from("plain"))).toEqual({ status: "ok", files: [[null, "plain"]] });
  });

  test.each<[string, () => Buffer | Promise<Buffer>]>([
    [
      "a zip",
      () =>
        zip([
          { name: "a.json", data: "one" },
          { name: "d/b.json", data: "two" },
          { name: "e/", data: "" },
        ]),
    ],
    [
      "a tar",
      () =>
        tar([
          ["a.json", "one"],
          ["d/b.json", "two"],
        ]),
    ],
    [
      "a tar.gz",
      async () =>
        gzipSync(
          await tar([
            ["a.json", "one"],
            ["d/b.json", "two"],
          ]),
        ),
    ],
    [
      "a zip of gzips",
      () =>
        zip([
          { name: "a.json.gz", data: gzipSync("one") },
          { name: "d/b.json", data: "two" },
        ]),
    ],
  ])("%s is opened, by what it is", async (_, make) => {
    expect(await opened(await make())).toEqual({
      status: "ok",
      files: [
        ["a.json", "one"],
        ["d/b.json", "two"],
      ],
    });
  });
});

describe("beyond them", () => {
  const bomb = Buffer.alloc(3 * MIB);

  test.each<[string, string, () => Buffer | Promise<Buffer>]>([
    ["a gzip bomb", "source-archive-ratio", () => gzipSync(bomb)],
    ["a zip bomb", "source-archive-ratio", () => zip([{ name: "a", data: bomb }])],
    [
      "a zip bomb in many small files",
      "source-archive-ratio",
      () => zip(Array.from({ length: 9 }, (_, i) => ({ name: `${i}`, data: Buffer.alloc(400_000) }))),
    ],
    [
      "one that lies about its size",
      "source-archive-broken",
      () => zip([{ name: "a", data: Buffer.alloc(500_000), said: 100 }]),
    ],
    [
      "more files than are taken",
      "source-archive-count",
      () => zip(Array.from({ length: 11 }, (_, i) => ({ name: `${i}`, data: "x" }))),
    ],
    [
      "more bytes than are taken",
      "source-archive-length",
      async () => tar([["a", Buffer.alloc(9 * MIB, "abc").toString()]]),
    ],
    [
      "an archive three deep",
      "source-archive-depth",
      () => zip([{ name: "a.zip", data: zip([{ name: "b.gz", data: gzipSync("x") }]) }]),
    ],
    ["a name that climbs", "source-archive-name", () => zip([{ name: "../../etc/passwd", data: "x" }])],
    ["a name that climbs in the middle", "source-archive-name", () => tar([["a/../../b", "x"]])],
    ["a directory that climbs", "source-archive-name", () => zip([{ name: "../", data: "" }])],
    ["an absolute name", "source-archive-name", () => tar([["/etc/passwd", "x"]])],
    ["a drive letter", "source-archive-name", () => zip([{ name: "C:/x", data: "x" }])],
    ["a backslash", "source-archive-name", () => zip([{ name: "..\\x", data: "x" }])],
    ["a name with a NUL", "source-archive-name", () => zip([{ name: "a\0b", data: "x" }])],
    ["a link in a zip", "source-archive-entry", () => zip([{ name: "a", data: "/etc/passwd", mode: 0o120777 }])],
    ["a link in a tar", "source-archive-entry", () => tar([["a", null]])],
    ["an encrypted file", "source-archive-entry", () => zip([{ name: "a", data: "x", flags: 1 }])],
    ["a gzip that breaks off", "source-archive-broken", () => gzipSync("x".repeat(1_000)).subarray(0, 20)],
    ["a zip that breaks off", "source-archive-broken", () => zip([{ name: "a", data: "x" }]).subarray(0, 40)],
    [
      "a tar that breaks off",
      "source-archive-broken",
      async () => (await tar([["a", "x".repeat(5_000)]])).subarray(0, 2_000),
    ],
  ])("%s is refused, and its sibling is not", async (_, reason, make) => {
    expect(await opened(await make())).toMatchObject({ status: "refused", reason });
    expect(await opened(zip([{ name: "a", data: "x" }]))).toMatchObject({ status: "ok" });
  });

  test("a small archive may unpack to far more than it is, up to a mebibyte", async () => {
    expect(await opened(gzipSync(Buffer.alloc(MIB, "a")))).toMatchObject({ status: "ok" });
    expect(await opened(gzipSync(Buffer.alloc(MIB + 1, "a")))).toMatchObject({ reason: "source-archive-ratio" });
  });
});

type Opened = { status: "ok"; files: [string | null, string][] } | { status: "refused"; reason: string };

async function opened(bytes: Buffer): Promise<Opened> {
  const directory = mkdtempSync(join(tmpdir(), "wd-unpack-"));
  try {
    const file = join(directory, "in");
    writeFileSync(file, bytes);
    let files = 0;
    const unpacked = await unpack(file, () => join(directory, `${files++}`), LIMITS);
    if (unpacked.status === "refused") return unpacked;
    return {
      status: "ok",
      files: unpacked.members.map(({ name, file: path }) => [name, readFileSync(path, "utf8")]),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A null content makes a symbolic link. */
async function tar(entries: [string, string | null][]): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of entries) {
    if (content === null) archive.entry({ name, type: "symlink", linkname: "/etc/passwd" });
    else archive.entry({ name }, content);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

type ZipEntry = {
  name: string;
  data: string | Uint8Array;
  /** Unix mode with its file type. */
  mode?: number;
  flags?: number;
  /** The size that the directory gives; the true one when left out. */
  said?: number;
};

/** A zip by APPNOTE.TXT 4.3, made by hand so that it can lie. */
function zip(entries: ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, mode = 0, flags = 0, said } of entries) {
    const content = Buffer.from(data);
    const packed = deflateRawSync(content);
    const names = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(said ?? content.length, 18);
    common.writeUInt16LE(names.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, names, packed]);
    locals.push(local);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, tail, names]));
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}
