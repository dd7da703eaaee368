import { chmodSync, writeFileSync } from "node:fs";
import { elfProgram } from "../elf.ts";

/**
 * A program of one system call: it makes the call, and its exit code is the error number, 0 when the call went through.
 * Neither Node nor busybox can ask for an arbitrary call, and there is no compiler where the contract is run.
 */
export type SystemCall = { name: string; x64: number; arm64: number; args: readonly number[] };

/** Writes it as an executable of this machine. */
export function writeSystemCall(path: string, call: SystemCall): void {
  writeFileSync(path, elfProgram(process.arch === "x64" ? codeX64(call) : codeArm64(call)));
  chmodSync(path, 0o755);
}

/** mov eax, nr; mov edi/esi/edx, arg; xor r10, r10; syscall; xor edi, edi; test rax, rax; jns +4; neg eax; mov edi, eax; mov eax, 60; syscall */
function codeX64({ x64, args }: SystemCall): Buffer {
  const loads = [0xbf, 0xbe, 0xba].map((opcode, i) => Buffer.concat([Buffer.from([opcode]), u32(args[i] ?? 0)]));
  return Buffer.concat([
    Buffer.from([0xb8]),
    u32(x64),
    ...loads,
    Buffer.from([0x4d, 0x31, 0xd2, 0x0f, 0x05, 0x31, 0xff, 0x48, 0x85, 0xc0, 0x79, 0x04, 0xf7, 0xd8, 0x89, 0xc7]),
    Buffer.from([0xb8, 60, 0, 0, 0, 0x0f, 0x05]),
  ]);
}

/** movz/movk x8, nr; x0..x2, args; mov x3, 0; svc 0; cmp x0, 0; b.lt +8 … ; neg x0, x0; mov x8, 93; svc 0 */
function codeArm64({ arm64, args }: SystemCall): Buffer {
  const set = (register: number, value: number): number[] => [
    0xd2800000 | ((value & 0xffff) << 5) | register,
    0xf2a00000 | (((value >>> 16) & 0xffff) << 5) | register,
  ];
  const words = [
    ...set(8, arm64),
    ...[0, 1, 2].flatMap((i) => set(i, args[i] ?? 0)),
    ...set(3, 0),
    0xd4000001,
    0xcb0003e0, // neg x0, x0
    0xf100001f, // cmp x0, 0
    0x9a9fc000, // csel x0, x0, xzr, gt
    ...set(8, 93),
    0xd4000001,
  ];
  return Buffer.concat(words.map((word) => u32(word)));
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
