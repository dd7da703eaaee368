import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { ArchiveFault, brokenOr, type Member, type Room } from "./archive.ts";

/** The plain files of a tar. Links, devices and pipes make it one that is not read. */
export async function untar({ file }: Member, room: Room): Promise<Member[]> {
  const members: Member[] = [];
  const archive = extract();
  const source = createReadStream(file);
  source.once("error", (error) => archive.destroy(error));
  source.pipe(archive);
  try {
    for await (const entry of archive) {
      const { name, type } = entry.header;
      const guard = room.admit(name.endsWith("/") ? `${name}.` : name);
      if (type === "directory") {
        entry.resume();
        continue;
      }
      if (type !== "file" && type !== "contiguous-file") {
        throw new ArchiveFault("source-archive-entry", `a ${type ?? "nameless"} entry`);
      }
      const to = room.next();
      await pipeline(entry, guard, createWriteStream(to, { flags: "wx", mode: 0o600 }));
      members.push({ file: to, name });
    }
    return members;
  } catch (thrown) {
    throw brokenOr(thrown);
  } finally {
    source.destroy();
    archive.destroy();
  }
}
