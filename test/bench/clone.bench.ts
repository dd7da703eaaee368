import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { exec } from "../../src/base/exec.ts";
import { fakeMaker } from "../../src/canaries/fakes.ts";
import { cloneStack } from "../../src/stack/clone.ts";
import type { StackPlace } from "../../src/stack/stack.ts";
import { type Bench, mbPerSecond, sideBySide } from "./figure.ts";

/** A stack cloned with every credential replaced and proved clean, beside a copy of the same bytes. */
export const clone: Bench = {
  name: "clone",
  async run(bed) {
    const place = generatedStack(bed.fresh("stack"));
    const bytes = FILES * FILE_BYTES;
    const out = bed.fresh("clone");
    const cloning = async () => {
      const cycle = `bench${process.pid}`;
      const fakes = fakeMaker({ masterKey: randomBytes(32), cycle, clock: systemClock });
      const mbs = await mbPerSecond(bytes, () => cloneStack(place, { out, fakes, cycle, signal: bed.signal }));
      if (fakes.all().length === 0) throw new Error("the clone replaced nothing");
      rmSync(out, { recursive: true });
      return mbs;
    };
    const copying = async () => {
      const mbs = await mbPerSecond(bytes, () => exec(["cp", "-a", "--", place.workspace, out]));
      rmSync(out, { recursive: true });
      return mbs;
    };
    const { values, baseline } = await sideBySide(RUNS, cloning, copying);
    return [{ name: "clone of 300 files, 5 MB", unit: "MB/s", values, baseline, goal: null }];
  },
};

const RUNS = 3;
const FILES = 300;
const FILE_BYTES = 17_000;

/** Source text such as a workspace holds, and in every tenth file a setting with a password in it. */
function generatedStack(root: string): StackPlace {
  const home = join(root, "home");
  const workspace = join(root, "workspace");
  mkdirSync(home, { recursive: true });
  for (let i = 0; i < FILES; i++) {
    const directory = join(workspace, `src/part${i % 20}`);
    mkdirSync(directory, { recursive: true });
    if (i % 10 === 0) writeFileSync(join(directory, `settings${i}.json`), settings(i));
    else writeFileSync(join(directory, `file${i}.ts`), sourceText(i));
  }
  return { name: "bench", home, workspace, agents: [], include: [] };
}

function sourceText(seed: number): string {
  const lines: string[] = [];
  for (let i = 0, length = 0; length < FILE_BYTES; i++) {
    const line = `export function part${seed}x${i}(count: number): string { return "number " + String(count + ${i}); }\n`;
    lines.push(line);
    length += line.length;
  }
  return lines.join("").slice(0, FILE_BYTES);
}

function settings(seed: number): string {
  const head = { service: `svc${seed}`, password: randomBytes(12).toString("base64url") };
  const padding = FILE_BYTES - JSON.stringify({ ...head, notes: "" }).length;
  return JSON.stringify({ ...head, notes: "lorem ipsum ".repeat(padding / 12 + 1).slice(0, padding) });
}
