import { crc32 } from "node:zlib";
import { BASE62, writeNumber } from "../block.ts";

/** CRC32 as six base62 digits, padded with 0: the tail of GitHub's classic tokens and npm's. */
export function crcBase62(text: string): string {
  return writeNumber(BigInt(crc32(text)), BASE62, 6);
}

/** CRC32 as eight hex digits: Cloudflare. */
export function crcHex(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

/** CRC32 as eight hex digits, lowest byte first: Grafana service accounts. */
export function crcHexLittleEndian(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(crc32(text));
  return bytes.toString("hex");
}
