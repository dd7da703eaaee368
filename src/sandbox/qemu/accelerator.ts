import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { errnoOf } from "../../base/errors.ts";
import { writeDurably } from "../../base/files.ts";
import { hashOf } from "../../base/hash.ts";
import type { Kernel } from "./kernel.ts";

/**
 * Whether KVM works is known by a machine that booted on it, never by the device: there are hosts on which that is there,
 * opens, makes a machine, and never runs an instruction of it. A failed trial costs seconds, so what came of it is kept in the
 * cache directory for this kernel, this QEMU and this boot of the host: none of the three changes while a cycle runs, and
 * after any of them did it is tried again.
 */
export type Trial = { kvm: "boots" } | { kvm: "fails"; reason: string };

const Kept = z.strictObject({
  key: z.string(),
  trial: z.discriminatedUnion("kvm", [
    z.strictObject({ kvm: z.literal("boots") }),
    z.strictObject({ kvm: z.literal("fails"), reason: z.string().max(1_000) }),
  ]),
});

/** Undefined when it was not tried, here and since then. */
export function readTrial(path: string, key: string): Trial | undefined {
  if (!existsSync(path)) return undefined;
  const kept = Kept.safeParse(parsed(readFileSync(path, "utf8")));
  return kept.success && kept.data.key === key ? kept.data.trial : undefined;
}

export function keepTrial(path: string, key: string, trial: Trial): void {
  mkdirSync(dirname(path), { recursive: true });
  writeDurably(path, JSON.stringify({ key, trial }));
}

/** What the outcome of a trial depends on. */
export function trialKey(program: string, kernel: Kernel): string {
  const identity = (path: string) => [path, statSync(path).size, statSync(path).mtimeMs];
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return hashOf([identity(program), identity(kernel.image), boot]);
}

/** The group that may use the device; undefined when there is none or we may not. */
export function kvmGroup(): number | undefined {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return statSync("/dev/kvm").gid;
  } catch (thrown) {
    if (["ENOENT", "EACCES", "EPERM"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/**
 * The rate of the host's time stamp counter, as well as it can be known without measuring: an emulated machine reads the
 * host's counter. Wrong by a tenth, its clock runs wrong by a tenth.
 */
export function hostTscKhz(
  cpuinfo: string = readFileSync("/proc/cpuinfo", "utf8"),
  baseFrequencyKhz: string | undefined = readBaseFrequency(),
): number {
  const named = /^model name\s*:.*@\s*([\d.]+)\s*GHz/m.exec(cpuinfo)?.[1];
  const current = /^cpu MHz\s*:\s*([\d.]+)/m.exec(cpuinfo)?.[1];
  const kHz = [Number(baseFrequencyKhz), Number(named) * 1e6, Number(current) * 1e3].find((one) => one > 0);
  return Math.round(kHz ?? LIKELY_KHZ);
}

const LIKELY_KHZ = 2_500_000;
const BASE_FREQUENCY = "/sys/devices/system/cpu/cpu0/cpufreq/base_frequency";

function readBaseFrequency(): string | undefined {
  return existsSync(BASE_FREQUENCY) ? readFileSync(BASE_FREQUENCY, "utf8").trim() : undefined;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
