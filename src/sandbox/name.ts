import type { Role } from "./sandbox.ts";

/** What a sandbox's name says: `wd-<cycle>-<role>-<label>`; `x` stands for the gateway, which has no sandbox. */
const NAME = /^wd-(?<cycle>.+)-(?<role>target|lab|scratch|x)-(?<label>[A-Za-z0-9]+(-[A-Za-z0-9]+)*)$/;

/** Empty for a name of another form. */
export function cycleOf(name: string): string {
  return NAME.exec(name)?.groups?.["cycle"] ?? "";
}

export function roleOf(name: string): Role | "unknown" {
  const role = NAME.exec(name)?.groups?.["role"];
  return role === "target" || role === "lab" || role === "scratch" ? role : "unknown";
}

/** `newCycleId` makes these. */
export function isCycleId(text: string): boolean {
  return /^c\d{8}-\d{6}-[0-9a-f]{6}$/.test(text);
}
