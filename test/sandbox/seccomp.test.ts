import { expect, test } from "vitest";
import {
  compile,
  nestedFilter,
  nestedProfile,
  SeccompProfile,
  strictFilter,
  strictProfile,
} from "../../src/sandbox/seccomp.ts";

const X64 = 0xc000003e;
const ARM64 = 0xc00000b7;
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const error = (number: number): number => 0x00050000 | number;

test.each([
  ["read", [X64, 0], ALLOW],
  ["clone3, so that libc falls back", [X64, 435], error(38)],
  ["clone of a thread", [X64, 56, 0x3d0f00], ALLOW],
  ["clone into a new user namespace", [X64, 56, 0x10000011], error(1)],
  ["socket of AF_UNIX", [X64, 41, 1], ALLOW],
  ["socket of AF_NETLINK", [X64, 41, 16], ALLOW],
  ["socket of AF_VSOCK", [X64, 41, 40], error(1)],
  ["socket of AF_ALG", [X64, 41, 38], error(1)],
  ["socket of AF_PACKET", [X64, 41, 17], error(1)],
  ["a family hidden behind high bits that the kernel drops", [X64, 41, 2 ** 32 + 40], error(1)],
  ["an allowed family with high bits, which no program of ours sets", [X64, 41, 2 ** 32 + 1], error(1)],
  ["personality, when only asked", [X64, 135, 0xffffffff], ALLOW],
  ["personality that turns off address randomisation", [X64, 135, 0x40000], error(1)],
  ["io_uring_setup", [X64, 425], error(1)],
  ["ptrace", [X64, 101], error(1)],
  ["bpf", [X64, 321], error(1)],
  ["keyctl", [X64, 250], error(1)],
  ["userfaultfd", [X64, 323], error(1)],
  ["mount", [X64, 165], error(1)],
  ["unshare", [X64, 272], error(1)],
  ["setns", [X64, 308], error(1)],
  ["kexec_load", [X64, 246], error(1)],
  ["a call that no kernel has yet", [X64, 9_999], error(1)],
  ["a call by the x32 table", [X64, 0x40000000 + 1], KILL],
  ["a call by the 32-bit table", [0x40000003, 1], KILL],
  ["a call of another machine", [ARM64, 63], KILL],
] as const)("on x86-64: %s", (_name, [arch, number, first = 0], expected) => {
  expect(run(strictFilter("x64"), arch, number, first)).toBe(expected);
});

test.each([
  ["read", [ARM64, 63], ALLOW],
  ["socket of AF_INET", [ARM64, 198, 2], ALLOW],
  ["socket of AF_VSOCK", [ARM64, 198, 40], error(1)],
  ["ptrace", [ARM64, 117], error(1)],
  ["clone3", [ARM64, 435], error(38)],
  ["a call of x86-64", [X64, 0], KILL],
] as const)("on arm64: %s", (_name, [arch, number, first = 0], expected) => {
  expect(run(strictFilter("arm64"), arch, number, first)).toBe(expected);
});

test("a machine without a table is an operator's error, not a sandbox without a filter", () => {
  expect(() => strictFilter("riscv64")).toThrow(/no system call filter for riscv64/);
});

test("none of the calls it is there to refuse is allowed by any rule", () => {
  const allowed = new Set(strictProfile().syscalls.flatMap((rule) => (rule.args.length === 0 ? rule.names : [])));
  for (const name of [
    "ptrace",
    "bpf",
    "keyctl",
    "add_key",
    "request_key",
    "userfaultfd",
    "unshare",
    "setns",
    "mount",
  ])
    expect(allowed).not.toContain(name);
  for (const name of allowed)
    expect(name).not.toMatch(/^(io_|kexec_|fs(open|mount|config|pick)|.*_module$|move_mount|open_tree)/);
});

test.each([
  ["clone into a new user namespace", [X64, 56, 0x10000011], ALLOW],
  ["unshare", [X64, 272], ALLOW],
  ["mount", [X64, 165], ALLOW],
  ["pivot_root", [X64, 155], ALLOW],
  ["read", [X64, 0], ALLOW],
  ["clone3, so that libc falls back", [X64, 435], error(38)],
  ["setns", [X64, 308], error(1)],
  ["fsopen", [X64, 430], error(1)],
  ["ptrace", [X64, 101], error(1)],
  ["bpf", [X64, 321], error(1)],
  ["keyctl", [X64, 250], error(1)],
  ["io_uring_setup", [X64, 425], error(1)],
  ["userfaultfd", [X64, 323], error(1)],
  ["socket of AF_UNIX", [X64, 41, 1], ALLOW],
  ["socket of AF_VSOCK", [X64, 41, 40], error(1)],
  ["socket of AF_ALG", [X64, 41, 38], error(1)],
  ["socket of AF_PACKET", [X64, 41, 17], error(1)],
  ["socket of NETLINK_ROUTE", [X64, 41, 16, 3, 0], ALLOW],
  ["socket of NETLINK_NETFILTER", [X64, 41, 16, 3, 12], error(1)],
] as const)("in a room in which a tool makes namespaces: %s", (_name, [arch, number, ...args], expected) => {
  expect(run(nestedFilter("x64"), arch, number, ...args)).toBe(expected);
});

test("that room's filter allows only these more than the strict one", () => {
  const allowed = (profile: SeccompProfile) =>
    new Set(profile.syscalls.filter(({ action }) => action === "SCMP_ACT_ALLOW").flatMap(({ names }) => names));
  const strict = allowed(strictProfile());
  const more = [...allowed(nestedProfile())].filter((name) => !strict.has(name));
  expect(more.toSorted()).toEqual(["mount", "pivot_root", "umount2", "unshare"]);
  expect([...strict].filter((name) => !allowed(nestedProfile()).has(name))).toEqual([]);
});

test("a profile with a comparison that is not compiled is refused, not compiled to something else", () => {
  const rule = { names: ["read"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 1, op: "SCMP_CMP_NE" }] };
  const parsed = SeccompProfile.safeParse({ defaultAction: "SCMP_ACT_ERRNO", archMap: [], syscalls: [rule] });
  expect(parsed.success).toBe(false);
});

test("all conditions of a rule must hold, and any of several rules suffices", () => {
  const rule = (first: number, second: number) => ({
    names: ["x"],
    action: "SCMP_ACT_ALLOW" as const,
    args: [first, second].map((value, index) => ({ index, value, valueTwo: 0, op: "SCMP_CMP_EQ" as const })),
  });
  const profile: SeccompProfile = {
    defaultAction: "SCMP_ACT_ERRNO",
    archMap: [],
    syscalls: [rule(1, 2), rule(3, 4)],
  };
  const filter = compile(profile, X64, { x: 7 });
  expect([run(filter, X64, 7, 1, 2), run(filter, X64, 7, 3, 4)]).toEqual([ALLOW, ALLOW]);
  expect([run(filter, X64, 7, 1, 4), run(filter, X64, 7, 3, 2), run(filter, X64, 8)]).toEqual(
    Array(3).fill(error(1)),
  );
});

/** What the kernel would do: a machine for the few instructions that the compiler uses. Throws on any other, and at a run off the end. */
function run(filter: Buffer, arch: number, number: number, ...args: number[]): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(arch, 4);
  for (const [i, value] of args.entries()) data.writeBigUInt64LE(BigInt(value), 16 + 8 * i);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const [code, ifTrue, ifFalse] = [
      filter.readUInt16LE(at * 8),
      filter.readUInt8(at * 8 + 2),
      filter.readUInt8(at * 8 + 3),
    ];
    const k = filter.readUInt32LE(at * 8 + 4);
    if (code === 0x20) accumulator = data.readUInt32LE(k);
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x15) at += accumulator === k ? ifTrue : ifFalse;
    else if (code === 0x35) at += accumulator >= k ? ifTrue : ifFalse;
    else if (code === 0x06) return k;
    else throw new Error(`instruction ${code.toString(16)} at ${at}`);
  }
}
