import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fakeMaker } from "../../../src/canaries/fakes.ts";
import { recogniser } from "../../../src/canaries/recogniser.ts";
import { cloneWorkspace } from "../../../src/stack/clone.ts";
import type { Clone } from "../../../src/stack/stack.ts";
import { spotsIn } from "../../../src/stack/strip/spots.ts";
import { truth } from "./truth.ts";

const clock = { now: () => new Date("2026-11-21T04:28:39Z"), monotonicMs: () => 0 };
let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "weakdoor-strip-"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test("at least 99 in 100 credentials of structured files are found, over many seeds", async () => {
  const missed: string[] = [];
  let all = 0;
  for (let seed = 0; seed < 6; seed++) {
    const { files, planted } = truth(seed);
    for (const [file, text] of Object.entries(files)) {
      const found = new Set(
        (await spotsIn(latin1(text), file)).flatMap((spot) => spot.secrets.map((secret) => secret.value.trim())),
      );
      for (const { value } of planted.filter((planting) => planting.file === file)) {
        all++;
        if (!found.has(value.trim())) missed.push(`${file}: ${value.slice(0, 10)}`);
      }
    }
  }
  expect(all).toBeGreaterThan(500);
  expect(missed.slice(0, 20)).toEqual([]);
});

test("what was found once is gone everywhere, in every encoding and in names, and its fake stands there", async () => {
  const { files, planted } = truth(100);
  const copies: Record<string, string> = {};
  for (const [i, { value }] of planted.entries()) {
    if (value.includes("\n")) continue;
    const b64 = Buffer.from(`abc${value}xyz`).toString("base64");
    copies[`copies/${i}.txt`] = [
      value,
      b64,
      Buffer.from(`q${value}`).toString("base64url"),
      Buffer.from(value).toString("hex"),
      encodeURIComponent(value),
      JSON.stringify(JSON.stringify({ note: value })),
      [...Buffer.from(value)].map((byte) => `%${byte.toString(16)}`).join(""),
      gzipSync(value).toString("base64"),
      Buffer.from(Buffer.from(value).toString("base64")).toString("base64"),
      Buffer.from(`-----${value}-----`).toString("base64").replaceAll(/.{16}/g, "$&\n"),
    ]
      .map((text) => `note ${text} end`)
      .join("\n");
    if (/^[\w.-]{1,80}$/.test(value)) copies[`copies/of-${value}.md`] = "named\n";
  }
  const source = join(scratch, "source");
  plant(source, { ...files, ...copies });
  const { clone, fakes } = await cloned(source, join(scratch, "out"), 1);
  const text = everything(clone.root);
  const left: string[] = [];
  for (const { value } of planted) for (const line of tracesOf(value)) if (text.includes(line)) left.push(line);
  expect(left).toEqual([]);
  expect(clone.proof.values).toBeGreaterThan(planted.length * 0.9);
  const seen = recogniser(fakes.all()).search(readFileSync(join(clone.workspace, "copies/0.txt")));
  expect(seen.length).toBeGreaterThan(4);
});

test("two keys: other fakes, the same places, and not a byte changed outside of them", async () => {
  const { files } = truth(200);
  const source = join(scratch, "twice");
  plant(source, files);
  const one = await cloned(source, join(scratch, "one"), 1);
  const two = await cloned(source, join(scratch, "two"), 2);
  const places = (clone: Clone) =>
    clone.replaced.map(({ file, place, kind, by }) => `${file} ${place} ${kind} ${by}`);
  expect(places(one.clone)).toEqual(places(two.clone));
  const values = new Set(two.fakes.all().map((fake) => fake.value));
  expect(one.fakes.all().filter((fake) => values.has(fake.value))).toEqual([]);
  for (const [file, text] of Object.entries(files)) {
    const spots = await spotsIn(latin1(text), file);
    const clean = readFileSync(join(one.clone.workspace, file), "latin1");
    let at = 0;
    let done = 0;
    for (const spot of [...spots, { start: latin1(text).length, end: latin1(text).length }]) {
      const between = latin1(text).slice(done, spot.start);
      const found = spot.end === latin1(text).length ? clean.lastIndexOf(between) : clean.indexOf(between, at);
      expect(found, `${file} before byte ${spot.start}`).toBeGreaterThanOrEqual(at);
      at = found + between.length;
      done = spot.end;
    }
    expect(at).toBe(clean.length);
  }
});

test("references stay: variables, vault paths, placeholders, paths", async () => {
  const text = [
    "A_TOKEN=${OTHER}",
    "B_TOKEN=$OTHER",
    "C_SECRET=op://vault/item/field",
    "D_PASSWORD=<your password>",
    "E_TOKEN=$(cat /run/secrets/x)",
    "F_KEY_FILE=/etc/ssl/key.pem",
    "G_PASSWORD=changeme",
    "H_TOKEN=",
    "I_SECRET=/run/secrets/db",
  ].join("\n");
  expect((await spotsIn(text, "home/.env")).map((spot) => spot.place)).toEqual([]);
});

test("ordinary configuration and prose stay as they are: under one change in a thousand lines", async () => {
  const root = join(import.meta.dirname, "../../..");
  const files = [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    ".oxlintrc.json",
    ".biome.json",
    "LICENSE",
    "test/vitest.config.ts",
    "node_modules/zod/README.md",
    "node_modules/yaml/README.md",
    "node_modules/undici/README.md",
    "node_modules/undici/package.json",
    "node_modules/zod/package.json",
    "node_modules/undici/lib/dispatcher/client.js",
    "node_modules/yaml/dist/schema/tags.js",
  ];
  let lines = 0;
  const changed: string[] = [];
  for (const file of files) {
    const text = readFileSync(join(root, file), "latin1");
    lines += text.split("\n").length;
    for (const spot of await spotsIn(text, `workspace/${file}`))
      changed.push(`${file} ${spot.place} ${text.slice(spot.start, spot.end)}`);
  }
  expect(lines).toBeGreaterThan(5000);
  expect(changed.slice(lines / 1000)).toEqual([]);
});

async function cloned(source: string, out: string, key: number) {
  const fakes = fakeMaker({ masterKey: Buffer.alloc(32, key), cycle: "c20261121-042839-9f3a1c", clock });
  return {
    fakes,
    clone: await cloneWorkspace(source, { out, fakes, cycle: "c1", signal: AbortSignal.timeout(30_000) }),
  };
}

function plant(root: string, files: Record<string, string>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
}

function latin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function tracesOf(value: string): string[] {
  return value.includes("\n")
    ? value
        .split("\n")
        .slice(2, -2)
        .filter((line) => line.length > 30)
    : [value];
}

function everything(root: string): string {
  const names = readdirSync(root, { recursive: true, withFileTypes: true });
  return names
    .map(
      (entry) => `${entry.name}\n${entry.isFile() ? readFileSync(join(entry.parentPath, entry.name), "latin1") : ""}`,
    )
    .join("\n");
}

test.each<[string, string, string]>([
  ["brackets", "a.json", "[".repeat(200_000)],
  ["inline tables", "a.toml", `a = ${"[".repeat(50_000)}`],
  ["YAML flows", "a.yaml", "[".repeat(20_000)],
  ["letters", "a.txt", "a".repeat(500_000)],
  ["beginnings of keys", "a.txt", "-----BEGIN PRIVATE KEY-----\n".repeat(10_000)],
  ["beginnings of JWTs", "a.txt", "eyJhbGciOiJI-".repeat(30_000)],
  ["schemes", "a.txt", "a://".repeat(100_000)],
  ["database commands", "a.sh", "mysql ".repeat(60_000)],
  ["cookies", "a.txt", `Cookie: ${"a".repeat(300_000)}`],
  ["spaces", ".env", `A_TOKEN=${" ".repeat(300_000)}x`],
  ["assignments", ".env", "API_TOKEN=k9e80a62Q\n".repeat(20_000)],
])("a file of nothing but %s is read in bounded time", async (_name, file, text) => {
  const started = performance.now();
  await spotsIn(text, file);
  expect(performance.now() - started).toBeLessThan(5000);
});
