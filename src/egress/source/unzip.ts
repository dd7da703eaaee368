import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { ArchiveFault, brokenOr, type Member, type Room } from "./archive.ts";

/** Upper half of a Unix entry's external attributes: the file type of stat(2). */
const TYPE_MASK = 0xf000;
const REGULAR = 0x8000;
const ENTRIES_MAX = 10_000;

/** The plain files of a zip, by its central directory alone; sizes that the directory got wrong break it. */
export async function unzip({ file }: Member, room: Room): Promise<Member[]> {
  const members: Member[] = [];
  let zip: ZipFile;
  try {
    // Names are checked by us, all of them, before anything is written.
    zip = await openPromise(file, {
      lazyEntries: true,
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: true,
    });
  } catch (thrown) {
    throw brokenOr(thrown);
  }
  try {
    if (zip.entryCount > ENTRIES_MAX) throw new ArchiveFault("source-archive-count", `${zip.entryCount} entries`);
    for (let entry = await nextOf(zip); entry !== null; entry = await nextOf(zip)) {
      const name = entry.fileNameRaw.toString("utf8");
      const guard = room.admit(name.endsWith("/") ? `${name}.` : name);
      if (name.endsWith("/")) continue;
      refuseSpecial(entry);
      const to = room.next();
      await pipeline(
        await zip.openReadStreamPromise(entry),
        guard,
        createWriteStream(to, { flags: "wx", mode: 0o600 }),
      );
      members.push({ file: to, name });
    }
    return members;
  } catch (thrown) {
    throw brokenOr(thrown);
  } finally {
    zip.close();
  }
}

function nextOf(zip: ZipFile): Promise<Entry | null> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      zip.off("entry", onEntry).off("end", onEnd).off("error", onError);
    };
    const onEntry = (entry: Entry) => {
      settle();
      resolve(entry);
    };
    const onEnd = () => {
      settle();
      resolve(null);
    };
    const onError = (error: Error) => {
      settle();
      reject(error);
    };
    zip.on("entry", onEntry).on("end", onEnd).on("error", onError);
    zip.readEntry();
  });
}

function refuseSpecial(entry: Entry): void {
  if (entry.isEncrypted()) throw new ArchiveFault("source-archive-entry", "an encrypted file");
  const type = (entry.externalFileAttributes >>> 16) & TYPE_MASK;
  if (type !== 0 && type !== REGULAR) throw new ArchiveFault("source-archive-entry", "no plain file");
}
