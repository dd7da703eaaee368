import { expect, test } from "vitest";
import { TRACES, type Traces } from "../bench/traces.ts";
import { growthOf } from "./growth.ts";

function look(over: Partial<Traces> = {}): Traces {
  const zero = Object.fromEntries(TRACES.map((what) => [what, 0])) as Traces;
  return { ...zero, heapMiB: 60, residentMiB: 180, descriptors: 30, ...over };
}

function growing(...looks: Traces[]): string[] {
  return growthOf(looks).flatMap(({ what, grows }) => (grows ? [what] : []));
}

test("what stays as it was does not grow, nor what a collector moves", () => {
  expect(growing(look(), look({ heapMiB: 64, residentMiB: 186 }), look({ heapMiB: 61 }))).toEqual([]);
});

test.each(["processes", "mounts", "cgroups", "temporary", "namespaces", "descriptors"] as const)(
  "one of %s more is growth",
  (what) => {
    const first = look();
    expect(growing(first, look({ [what]: first[what] + 1 }))).toEqual([what]);
  },
);

test("memory that grows with every pass is growth, however slowly", () => {
  const looks = Array.from({ length: 40 }, (_, i) => look({ heapMiB: 60 + i }));
  expect(growing(...looks)).toEqual(["heapMiB"]);
});

test("without a look there is nothing to say", () => {
  expect(growthOf([])).toEqual([]);
});
