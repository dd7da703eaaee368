import { ELF_BASE, ELF_HEADERS, elfProgram } from "../elf.ts";

/**
 * A program that sets a system call filter for itself and becomes another one: `filtered PROGRAM ARG…`. The root file
 * system inside is not ours, so it can link to nothing; it is 120 bytes of x86-64 with the filter behind them. It sets the
 * filter by the rights it has, before they are dropped, so that new privileges need not be forbidden for it.
 */
export function filteredLoader(filter: Uint8Array): Buffer {
  const code = Buffer.from(CODE);
  const program = ELF_BASE + ELF_HEADERS + code.length;
  // A 32-bit address is all that the one instruction which names it can hold.
  code.writeUInt32LE(program, FPROG_OPERAND);
  // struct sock_fprog: how many instructions of eight bytes, and where.
  const fprog = Buffer.alloc(FPROG_BYTES);
  fprog.writeUInt16LE(filter.length / 8, 0);
  fprog.writeBigUInt64LE(BigInt(program + FPROG_BYTES), 8);
  return elfProgram(Buffer.concat([code, fprog, filter]), "x64");
}

/** When the filter or the program is refused. */
export const FILTERED_FAILED = 125;

const FPROG_BYTES = 16;
/** Where in the code the address of the sock_fprog stands. */
const FPROG_OPERAND = 13;

const CODE = [
  [0xb8, 0x3d, 0x01, 0x00, 0x00], // mov eax, 317        seccomp(2)
  [0xbf, 0x01, 0x00, 0x00, 0x00], // mov edi, 1          SECCOMP_SET_MODE_FILTER
  [0x31, 0xf6], // xor esi, esi
  [0xba, 0x00, 0x00, 0x00, 0x00], // mov edx, sock_fprog
  [0x0f, 0x05], // syscall
  [0x85, 0xc0], // test eax, eax
  [0x75, 0x19], // jne to the exit
  [0x48, 0x8b, 0x0c, 0x24], // mov rcx, [rsp]      argc
  [0x48, 0x8b, 0x7c, 0x24, 0x10], // mov rdi, [rsp+16]   argv[1]
  [0x48, 0x8d, 0x74, 0x24, 0x10], // lea rsi, [rsp+16]   &argv[1]
  [0x48, 0x8d, 0x54, 0xcc, 0x10], // lea rdx, [rsp+rcx*8+16]
  [0x31, 0xc0, 0xb0, 0x3b], // xor eax, eax; mov al, 59   execve(2)
  [0x0f, 0x05], // syscall             comes back only when it failed
  [0xb8, 0xe7, 0x00, 0x00, 0x00], // mov eax, 231        exit_group(2)
  [0xbf, FILTERED_FAILED, 0x00, 0x00, 0x00], // mov edi, 125
  [0x0f, 0x05], // syscall
].flat();
