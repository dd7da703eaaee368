import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { OperatorError } from "../base/errors.ts";

/**
 * Our system call filter. It is written once, in the JSON form that Docker takes, and compiled here to the BPF program
 * that the kernel takes, for backends that want that (bubblewrap's `--seccomp`). See sandboxes/seccomp/README.md for what is
 * refused and why.
 */
export const STRICT_PROFILE_PATH = join(import.meta.dirname, "../../sandboxes/seccomp/strict.json");

const NESTED_PATH = join(import.meta.dirname, "../../sandboxes/seccomp/nested.json");
const NUMBERS_PATH = join(import.meta.dirname, "../../sandboxes/seccomp/numbers.json");

const Condition = z.strictObject({
  index: z.int().min(0).max(5),
  /** For MASKED_EQ the mask, and `valueTwo` what must be left of the argument. */
  value: z.int().nonnegative(),
  valueTwo: z.int().nonnegative().default(0),
  op: z.enum(["SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"]),
});
type Condition = z.infer<typeof Condition>;

const Rule = z.strictObject({
  names: z.array(z.string()),
  action: z.enum(["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"]),
  errnoRet: z.int().positive().max(4095).optional(),
  args: z.array(Condition).default([]),
  comment: z.string().optional(),
});
type Rule = z.infer<typeof Rule>;

export const SeccompProfile = z.strictObject({
  defaultAction: z.literal("SCMP_ACT_ERRNO"),
  archMap: z.array(z.strictObject({ architecture: z.string(), subArchitectures: z.array(z.string()).max(0) })),
  syscalls: z.array(Rule),
});
export type SeccompProfile = z.infer<typeof SeccompProfile>;

const Nested = z.strictObject({ instead: z.array(Rule) });

const Numbers = z.strictObject({
  x86_64: z.record(z.string(), z.int().nonnegative()),
  aarch64: z.record(z.string(), z.int().nonnegative()),
});

/** Our strict profile as it stands in its file. */
export function strictProfile(): SeccompProfile {
  return SeccompProfile.parse(JSON.parse(readFileSync(STRICT_PROFILE_PATH, "utf8")));
}

/** The strict profile with the rules of nested.json in place of its own for the same calls: for a room in which a tool makes namespaces. */
export function nestedProfile(): SeccompProfile {
  const { instead } = Nested.parse(JSON.parse(readFileSync(NESTED_PATH, "utf8")));
  const replaced = new Set(instead.flatMap(({ names }) => names));
  const strict = strictProfile();
  const kept = strict.syscalls.map((rule) => ({ ...rule, names: rule.names.filter((name) => !replaced.has(name)) }));
  return { ...strict, syscalls: [...kept, ...instead] };
}

/** The filter as the kernel takes it: `struct sock_filter`s, ready to be read from a file descriptor. */
export function strictFilter(architecture: string = process.arch): Buffer {
  return filterOf(strictProfile(), architecture);
}

/** As `strictFilter`, of the nested profile. */
export function nestedFilter(architecture: string = process.arch): Buffer {
  return filterOf(nestedProfile(), architecture);
}

function filterOf(profile: SeccompProfile, architecture: string): Buffer {
  const machine = MACHINES[architecture];
  if (machine === undefined)
    throw new OperatorError(`there is no system call filter for ${architecture}`, "run on x86-64 or arm64");
  const numbers = Numbers.parse(JSON.parse(readFileSync(NUMBERS_PATH, "utf8")));
  return compile(profile, machine.auditArch, numbers[machine.table]);
}

/** AUDIT_ARCH_* of include/uapi/linux/audit.h. */
const MACHINES: Record<string, { auditArch: number; table: "x86_64" | "aarch64" }> = {
  x64: { auditArch: 0xc000003e, table: "x86_64" },
  arm64: { auditArch: 0xc00000b7, table: "aarch64" },
};

/** A call by the x32 table has this bit set and x86-64's audit arch (arch/x86/include/uapi/asm/unistd.h). */
const X32_BIT = 0x40000000;
const EPERM = 1;
const KILL_PROCESS = 0x80000000;
const ALLOW = 0x7fff0000;
const ERRNO = 0x00050000;

// include/uapi/linux/bpf_common.h: class, size and mode, or class, operation and source.
const LOAD = 0x20;
const AND = 0x54;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_AT_LEAST = 0x35;
const RETURN = 0x06;
/** The kernel takes no longer program (BPF_MAXINSNS). */
const INSTRUCTIONS_MAX = 4096;

type Instruction = { code: number; ifTrue: number; ifFalse: number; k: number };

const load = (offset: number): Instruction => ({ code: LOAD, ifTrue: 0, ifFalse: 0, k: offset });
const and = (mask: number): Instruction => ({ code: AND, ifTrue: 0, ifFalse: 0, k: mask });
const ret = (action: number): Instruction => ({ code: RETURN, ifTrue: 0, ifFalse: 0, k: action });
/** Goes on when equal, else over the next `otherwise` instructions. */
const equal = (k: number, otherwise: number): Instruction => ({
  code: JUMP_IF_EQUAL,
  ifTrue: 0,
  ifFalse: otherwise,
  k,
});

/** Offsets in `struct seccomp_data` (include/uapi/linux/seccomp.h); both machines are little endian. */
const NUMBER = 0;
const ARCH = 4;
const lowOf = (index: number): number => 16 + 8 * index;

/** A profile's names that have no number on this machine are left out: the call does not exist there. */
export function compile(profile: SeccompProfile, auditArch: number, numbers: Record<string, number>): Buffer {
  const program: Instruction[] = [
    load(ARCH),
    equal(auditArch, 2),
    load(NUMBER),
    { code: JUMP_IF_AT_LEAST, ifTrue: 0, ifFalse: 1, k: X32_BIT },
    ret(KILL_PROCESS),
  ];
  // A foreign architecture lands on the return as well.
  for (const [number, rules] of byNumber(profile, numbers)) program.push(...blockOf(number, rules));
  program.push(ret(ERRNO | EPERM));
  if (program.length > INSTRUCTIONS_MAX) throw new Error(`a filter of ${program.length} instructions is too long`);
  const bytes = Buffer.alloc(program.length * 8);
  for (const [i, { code, ifTrue, ifFalse, k }] of program.entries()) {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(ifTrue, i * 8 + 2);
    bytes.writeUInt8(ifFalse, i * 8 + 3);
    bytes.writeUInt32LE(k >>> 0, i * 8 + 4);
  }
  return bytes;
}

function byNumber(profile: SeccompProfile, numbers: Record<string, number>): Map<number, Rule[]> {
  const rules = new Map<number, Rule[]>();
  for (const rule of profile.syscalls) {
    for (const name of rule.names) {
      const number = numbers[name];
      if (number !== undefined) rules.set(number, [...(rules.get(number) ?? []), rule]);
    }
  }
  return rules;
}

/** For one call: the first rule whose every condition holds decides; if none does, it is refused. */
function blockOf(number: number, rules: Rule[]): Instruction[] {
  const tests = rules.flatMap((rule) => {
    const action = rule.action === "SCMP_ACT_ALLOW" ? ALLOW : ERRNO | (rule.errnoRet ?? EPERM);
    return withJumps(rule.args.flatMap(conditionOf), action);
  });
  const isDecided = rules.some((rule) => rule.args.length === 0);
  const block = isDecided ? tests : [...tests, ret(ERRNO | EPERM)];
  return [equal(number, block.length), ...block];
}

/** One word of the argument at a time; `equal` gets its distance below. */
function conditionOf({ index, value, valueTwo, op }: Condition): Instruction[] {
  const [mask, wanted] = op === "SCMP_CMP_EQ" ? [undefined, value] : [value, valueTwo];
  return [0, 1].flatMap((word) => [
    load(lowOf(index) + 4 * word),
    ...(mask === undefined ? [] : [and(wordOf(mask, word))]),
    equal(wordOf(wanted, word), 0),
  ]);
}

function withJumps(conditions: Instruction[], action: number): Instruction[] {
  const jumped = conditions.map((instruction, i) =>
    instruction.code === JUMP_IF_EQUAL ? { ...instruction, ifFalse: conditions.length - i } : instruction,
  );
  return [...jumped, ret(action)];
}

function wordOf(value: number, word: number): number {
  return word === 0 ? value % 2 ** 32 : Math.floor(value / 2 ** 32);
}
