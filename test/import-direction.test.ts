import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { expect, test } from "vitest";

/**
 * Imports go down this list and nowhere else. A file directly in src/ stands for itself. `canaries` lies below
 * `egress` because the gateway searches what goes up for fakes, and below `stack` because a clone is seeded with them;
 * `sources` lies below `egress` because the gateway makes their requests.
 */
const ORDER = [
  "main",
  "cli",
  "web",
  "schedule",
  "cycle",
  "store",
  "report",
  "mitigation",
  "approval",
  "findings",
  "researcher",
  "decoys",
  "probe",
  "stack",
  "egress",
  "sources",
  "canaries",
  "sandbox",
  "guest",
  "stop",
  "ledger",
  "config",
  "base",
] as const;

const SRC = resolve(import.meta.dirname, "../src");

type Import = { from: string; to: string; file: string; specifier: string };

test("there are imports to check, in every folder of the list that exists", () => {
  const folders = new Set(imports().map((i) => i.from));
  expect(imports().length).toBeGreaterThan(20);
  expect(folders.size).toBeGreaterThan(3);
});

test("every folder of src stands in the list", () => {
  for (const name of readdirSync(SRC)) {
    if (!statSync(join(SRC, name)).isDirectory()) continue;
    expect(ORDER, `src/${name}`).toContain(name);
  }
});

test("imports point down the list", () => {
  const up = imports().filter((i) => i.from !== i.to && rank(i.from) >= rank(i.to));
  expect(up.map((i) => `${i.file} imports ${i.specifier}`)).toEqual([]);
});

test("nobody imports an index", () => {
  expect(imports().filter((i) => /(^|\/)index\.ts$/.test(i.specifier))).toEqual([]);
});

test("what runs inside a sandbox imports nothing of ours but guest and base", () => {
  const outside = imports().filter((i) => i.from === "guest" && i.to !== "guest" && i.to !== "base");
  expect(outside.map((i) => `${i.file} imports ${i.specifier}`)).toEqual([]);
});

test("the watchdog is built on node alone", () => {
  const seen = new Set<string>();
  const packages: string[] = [];
  const walk = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const specifier of specifiers(readFileSync(file, "utf8"))) {
      if (specifier.startsWith(".")) walk(resolve(file, "..", specifier));
      else if (!specifier.startsWith("node:")) packages.push(`${relative(SRC, file)} imports ${specifier}`);
    }
  };
  walk(join(SRC, "stop/watchdog.ts"));
  expect(packages).toEqual([]);
  expect(seen.size).toBeGreaterThan(1);
});

test("an import that points up is caught", () => {
  expect(rank("guest")).toBeGreaterThan(rank("sandbox"));
  expect(
    specifiers('import { a } from "../sandbox/x.ts";\nexport * from "./y.ts";\nawait import("../z.ts");'),
  ).toEqual(["../sandbox/x.ts", "./y.ts", "../z.ts"]);
});

function rank(folder: string): number {
  const at = (ORDER as readonly string[]).indexOf(folder);
  if (at < 0) throw new Error(`${folder} is not in the list`);
  return at;
}

function imports(): Import[] {
  const found: Import[] = [];
  for (const file of files(SRC)) {
    for (const specifier of specifiers(readFileSync(file, "utf8"))) {
      if (!specifier.startsWith(".")) continue;
      const target = resolve(file, "..", specifier);
      if (relative(SRC, target).startsWith("..")) continue;
      found.push({ from: folderOf(file), to: folderOf(target), file: relative(SRC, file), specifier });
    }
  }
  return found;
}

function folderOf(file: string): string {
  const first = relative(SRC, file).split(sep)[0] ?? "";
  return first.replace(/\.(ts|mjs)$/, "");
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(directory, name));
}

function specifiers(source: string): string[] {
  return [...source.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)"([^"]+)"/g)].map((match) => match[1] ?? "");
}
