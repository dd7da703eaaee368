import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { CATEGORIES } from "../../../src/guest/observation.ts";
import { CHECKS } from "../../../src/guest/probe/all.ts";
import { controlCheck } from "../../../src/guest/probe/control.ts";
import { pathAccess } from "../../../src/guest/probe/deep/path-access.ts";
import type { Check } from "../../../src/guest/probe/probe.ts";

/** The probe as a folder: what its files say of themselves, and that none is left out of the list. */
const ROOT = new URL("../../../src/guest/probe/", import.meta.url).pathname;
const ALL = [controlCheck, ...CHECKS, pathAccess];

test.each(ALL.map((check) => [check.id, check] as const))(
  "%s says why, what it misses, and by whose word",
  (_, check) => {
    for (const text of [check.why, check.misses, check.source]) expect(text.length).toBeGreaterThan(8);
    // A sentence, and no list of words that could stand anywhere.
    expect(check.why).toMatch(/^[A-Z].*\.$/s);
    expect(check.misses).toMatch(/^[A-Z].*\.$/s);
  },
);

test("every check that a file of a category makes is in the list, under that category", async () => {
  const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const ofCategories = files.filter((name) => CATEGORIES.some((category) => category === dirname(name)));
  const made = await Promise.all(ofCategories.map(async (name) => [name, await checksIn(name)] as const));
  const checks = made.flatMap(([, found]) => found);
  expect(checks.filter((check) => !CHECKS.includes(check)).map(({ id }) => id)).toEqual([]);
  expect(CHECKS.filter((check) => !checks.includes(check)).map(({ id }) => id)).toEqual([]);
  const misplaced = made.flatMap(([name, found]) => found.filter(({ category }) => category !== dirname(name)));
  expect(misplaced.map(({ id }) => id)).toEqual([]);
  // Whoever looks for a check by its id finds its file by that name, or by that of the check beside it.
  const lone = made.filter(([, found]) => found.length === 1);
  expect(lone.filter(([name, [check]]) => basename(name, ".ts") !== check?.id).map(([name]) => name)).toEqual([]);
});

async function checksIn(name: string): Promise<Check[]> {
  const exported: Record<string, unknown> = await import(join(ROOT, name));
  return Object.values(exported).filter(isCheck);
}

function isCheck(value: unknown): value is Check {
  return typeof value === "object" && value !== null && "id" in value && "run" in value && "misses" in value;
}
