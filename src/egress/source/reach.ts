import { Readable } from "node:stream";
import { crc32 } from "node:zlib";

/**
 * A file of a given length in which every antivirus finds the test file of https://www.eicar.org, as long as it looks at files of
 * that length at all. clamd says `OK` to what is longer than its MaxFileSize or MaxScanSize without having looked, and will not say
 * what they are; one that does not find this has not looked at a file as long as this either.
 *
 * It is a ZIP archive: the test file as its only member, then bytes that nothing refers to, then the directory. Seen with
 * clamd 1.4: found when both limits are over the length, and `OK` when one of them is under it.
 */
export function testFile(bytes: number): Readable {
  const [head, directory] = archive(bytes);
  return Readable.from(pieces(head, bytes - head.length - directory.length, directory), { objectMode: false });
}

const FILLING = Buffer.alloc(64 * 1024, "a");

function* pieces(head: Buffer, filling: number, directory: Buffer): Generator<Buffer> {
  yield head;
  for (let left = filling; left > 0; left -= FILLING.length) yield FILLING.subarray(0, left);
  yield directory;
}

const NAME = Buffer.from("t");
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const VERSION = 20;

/** What stands before the filling, and what stands after it (PKWARE's APPNOTE, 4.3). */
function archive(bytes: number): [Buffer, Buffer] {
  // In two pieces, so that no scanner stops at this file, or at a bundle of it.
  const member = Buffer.from(["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("-"));
  const local = Buffer.alloc(LOCAL_BYTES);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(VERSION, 4);
  describe(local, 14, member);
  const central = Buffer.alloc(CENTRAL_BYTES);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt16LE(VERSION, 4);
  central.writeUInt16LE(VERSION, 6);
  describe(central, 16, member);
  const directoryBytes = CENTRAL_BYTES + NAME.length;
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(directoryBytes, 12);
  end.writeUInt32LE(bytes - directoryBytes - END_BYTES, 16);
  return [Buffer.concat([local, NAME, member]), Buffer.concat([central, NAME, end])];
}

/** Checksum, both lengths and the length of the name, which follow on one another in both headers. */
function describe(header: Buffer, at: number, member: Buffer): void {
  header.writeUInt32LE(crc32(member), at);
  header.writeUInt32LE(member.length, at + 4);
  header.writeUInt32LE(member.length, at + 8);
  header.writeUInt16LE(NAME.length, at + 12);
}
