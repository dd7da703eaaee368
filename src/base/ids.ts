import { randomBytes } from "node:crypto";
import type { Clock } from "./clock.ts";

/** `c` + UTC second + 3 random bytes, e.g. `c20261121-042839-9f3a1c`. Sorts by time; safe as a file and container name. */
export function newCycleId(clock: Clock): string {
  const stamp = clock.now().toISOString().slice(0, 19).replaceAll("-", "").replaceAll(":", "").replace("T", "-");
  return `c${stamp}-${randomBytes(3).toString("hex")}`;
}
