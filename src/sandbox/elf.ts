import { OperatorError } from "../base/errors.ts";

/** What stands before the code in a program that `elfProgram` makes, in bytes; and where the file is loaded. */
export const ELF_HEADERS = 64 + 56;
export const ELF_BASE = 0x400000;

/**
 * The smallest ELF program of this architecture: one header, one loaded segment (System V ABI, chapters 4 and 5). `image` is
 * what follows the headers, code first; it links to nothing, so it runs in any root file system. Throws OperatorError on
 * an architecture that is neither x86-64 nor arm64.
 */
export function elfProgram(image: Uint8Array, arch: string = process.arch): Buffer {
  const machine = arch === "x64" ? 62 : arch === "arm64" ? 183 : undefined;
  if (machine === undefined) throw new OperatorError(`no program of ours for ${arch}`, "run on x86-64 or arm64");
  const file = Buffer.alloc(ELF_HEADERS + image.length);
  file.write("\x7fELF\x02\x01\x01", "latin1");
  file.writeUInt16LE(2, 16); // ET_EXEC
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(ELF_BASE + ELF_HEADERS), 24); // entry
  file.writeBigUInt64LE(64n, 32); // program headers
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // read, execute
  file.writeBigUInt64LE(BigInt(ELF_BASE), 80);
  file.writeBigUInt64LE(BigInt(ELF_BASE), 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  file.set(image, ELF_HEADERS);
  return file;
}
