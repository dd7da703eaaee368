import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, notMeasured, reachable } from "../row.ts";

/** ADDR_NO_RANDOMIZE, personality(2). */
const NO_RANDOMISATION = 0x0040000;
const FULL = 2;

export const addressRandomisation: Check = {
  id: "address-randomisation",
  category: "process",
  why: "Where a program lies at the same address each time, a flaw in it needs no second flaw to be used.",
  misses: "How many bits are random, and programs that were linked to a fixed address.",
  source: "Documentation/admin-guide/sysctl/kernel.rst, randomize_va_space; personality(2)",
  run: async (context) => ({ rows: [await askKernel(context), await askProcess(context)] }),
};

async function askKernel({ facts, ground }: Context): Promise<Row> {
  const id = "address-randomisation:kernel";
  const subject = "fixed addresses for every process";
  if (facts.boundary === "gvisor")
    return absent(id, subject, "a setting of the host's kernel, which does not answer here");
  const asked = await ground.table("/proc/sys/kernel/randomize_va_space", 64);
  if (asked.status === "refused") return notMeasured(id, subject, `randomize_va_space: ${asked.errno}`);
  const value = /^\d+$/.test(asked.value.trim()) ? Number(asked.value.trim()) : undefined;
  if (value === undefined) return notMeasured(id, subject, "the value is not a number");
  if (value < FULL) return reachable(id, subject, ["configure"], `randomize_va_space is ${value}`);
  return denied(id, subject, CONTROL.table, `randomize_va_space is ${value}`);
}

async function askProcess({ ground }: Context): Promise<Row> {
  const id = "address-randomisation:process";
  const subject = "fixed addresses for this process and what it starts";
  const asked = await ground.table("/proc/self/personality", 64);
  if (asked.status === "refused") return notMeasured(id, subject, `/proc/self/personality: ${asked.errno}`);
  const flags = /^[0-9a-f]+$/i.test(asked.value.trim()) ? Number.parseInt(asked.value, 16) : undefined;
  if (flags === undefined) return notMeasured(id, subject, "the value is not a number");
  if ((flags & NO_RANDOMISATION) !== 0)
    return reachable(id, subject, ["configure"], "switched off by its personality");
  return denied(id, subject, CONTROL.table, "not switched off");
}
