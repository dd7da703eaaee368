import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { writeAll } from "../base/files.ts";
import type { Fake } from "./canaries.ts";

const Row = z.strictObject({
  id: z.string().regex(/^fk-[0-9a-f]{10}$/),
  kind: z.string().max(60),
  value: z.string().max(100_000),
  cycle: z.string().max(100),
  file: z.string().max(4096),
});

/**
 * The fakes of past cycles, a JSON line each, in `fakes.jsonl` of the state directory (mode 0600): what lets a short fake, which
 * carries nothing inside, be known when it turns up later. The values open nothing.
 */
export function rememberFakes(stateDirectory: string, fakes: readonly Fake[]): void {
  if (fakes.length === 0) return;
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const path = join(stateDirectory, "fakes.jsonl");
  const fd = openSync(path, "a", 0o600);
  try {
    chmodSync(path, 0o600);
    writeAll(fd, Buffer.from(fakes.map((fake) => `${JSON.stringify(fake)}\n`).join("")));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Empty when there never was one. A last line cut off by a crash is left out; any other broken line is an OperatorError. */
export function rememberedFakes(stateDirectory: string): Fake[] {
  const path = join(stateDirectory, "fakes.jsonl");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
  const lines = text.split("\n");
  const whole = lines.slice(0, -1);
  return whole.map((line, i) => {
    const row = Row.safeParse(parsed(line));
    if (row.success) return row.data;
    throw new OperatorError(
      `line ${i + 1} of ${path} is not a fake of ours`,
      "restore the file from a backup or move it away: fakes that carry a sealed block are still recognised without it",
    );
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
