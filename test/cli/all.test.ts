import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verbs } from "../../src/cli/all.ts";

const CLI = join(import.meta.dirname, "../../src/cli");

test("every verb is listed by the name that it has itself, and every file that holds one is listed", async () => {
  for (const entry of verbs) expect((await entry.load()).verb.name).toBe(entry.name);
  const files = readdirSync(CLI).filter((file) =>
    /^export const verb\b/m.test(readFileSync(join(CLI, file), "utf8")),
  );
  expect(files.map((file) => file.replace(".ts", "")).sort()).toEqual(verbs.map(({ name }) => name).sort());
});

test("nothing from a package is read before the latch is set", () => {
  const seen = new Set<string>();
  const packages: string[] = [];
  const walk = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    // What is imported for its type alone is not there when the program runs.
    const imports = readFileSync(file, "utf8").matchAll(/^import (?!type )[^;"]*?from "([^"]+)"/gm);
    for (const [, specifier = ""] of imports) {
      if (specifier.startsWith(".")) walk(join(file, "..", specifier));
      else if (!specifier.startsWith("node:")) packages.push(`${file} imports ${specifier}`);
    }
  };
  walk(join(CLI, "kill.ts"));
  walk(join(CLI, "../main.ts"));
  expect(packages).toEqual([]);
  expect(seen.size).toBeGreaterThan(8);
});
