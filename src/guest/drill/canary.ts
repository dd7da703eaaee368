import { spawn } from "node:child_process";
import { linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { carried } from "../argv.ts";
import type { CanaryOrder, DrillWord } from "./order.ts";

/** Of every name that a canary bears; nothing else is ever written over, linked or removed. */
export const CANARY_PREFIX = ".weakdoor-canary-";

/** Does with a file of ours what an agent could do with any. What is refused is thrown, as the kernel says it. */
export function touchCanary(order: CanaryOrder): DrillWord {
  switch (order.touch) {
    case "canary-write":
      writeFileSync(ours(order.path), order.text, { flag: "wx" });
      return said(readFileSync(order.path, "utf8") === order.text ? 1 : 0, "written and read back");
    case "canary-read":
      return said(1, readFileSync(ours(order.path), "utf8").slice(0, 64));
    case "canary-link":
      mkdirSync(ours(dirname(order.path)), { recursive: true });
      if (order.how === "hard") linkSync(order.to, order.path);
      else symlinkSync(order.to, order.path);
      return said(1, "made");
    case "canary-remove":
      rmSync(ours(order.path), { recursive: true, force: true });
      return said(1, "removed");
    case "linger":
      linger(order.marker, order.ms);
      return said(1, "left behind");
  }
}

function ours(path: string): string {
  if (!basename(path).startsWith(CANARY_PREFIX)) throw new Error(`${basename(path)} is no canary of ours`);
  return path;
}

function said(answer: number, detail: string): DrillWord {
  return { status: "touched", answer, detail };
}

/** In a session of its own, as a daemon is; it ends by itself if nobody ends it before. */
function linger(marker: string, ms: number): void {
  const [program, ...rest] = carried("node");
  const argv = [...rest, "-e", `setTimeout(() => undefined, ${ms})`, marker];
  spawn(program, argv, { detached: true, stdio: "ignore" }).unref();
}
