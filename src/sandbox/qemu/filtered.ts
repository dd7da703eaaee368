/**
 * A program that sets a system call filter for itself and becomes another one: `filtered PROGRAM ARG…`. The root file
 * system inside is not ours, so it can link to nothing; it is 120 bytes of x86-64 with the filter behind them. It sets the
 * filter by the rights it has, before they are dropped, so that new privileges need not be forbidden for it.
 */
export function filteredLoader(filter: Uint8Array): Buffer {
  const code = Buffer.from(CODE);
  const program = HEADERS + code.length;
  const file = Buffer.alloc(program + FPROG_BYTES + filter.length);
  file.write("\x7fELF\x02\x01\x01", "latin1");
  file.writeUInt16LE(2, 16); // ET_EXEC
  file.writeUInt16LE(62, 18); // EM_X86_64
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(BASE + HEADERS), 24); // entry
  file.writeBigUInt64LE(64n, 32); // program headers
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // read, execute
  file.writeBigUInt64LE(BigInt(BASE), 80);
  file.writeBigUInt64LE(BigInt(BASE), 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  // A 32-bit address is all that the one instruction which names it can hold.
  code.writeUInt32LE(BASE + program, FPROG_OPERAND);
  code.copy(file, HEADERS);
  // struct sock_fprog: how many instructions of eight bytes, and where.
  file.writeUInt16LE(filter.length / 8, program);
  file.writeBigUInt64LE(BigInt(BASE + program + FPROG_BYTES), program + 8);
  Buffer.from(filter).copy(file, program + FPROG_BYTES);
  return file;
}

/** When the filter or the program is refused. */
export const FILTERED_FAILED = 125;

const HEADERS = 64 + 56;
const BASE = 0x400000;
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
