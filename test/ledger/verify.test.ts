import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { openLedger } from "../../src/ledger/open.ts";
import { verifyLedger } from "../../src/ledger/verify.ts";
import { leaf, newLog, temporaryFolder } from "../support/ledger/logs.ts";

const OUTSIDER = join(import.meta.dirname, "../../src/ledger/outsider.mjs");
const LEAVES = "leaves-000000000000.jsonl";
const CHECKPOINTS = "checkpoints.jsonl";

let base: string;
let key: string;
let outsider: { check(folder: string, key: string): { ok: boolean } };

/** Nine leaves with checkpoints at 3, 6 and 9; tests change copies of it. */
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "weakdoor-verify-"));
  const ledger = openLedger(base, { clock: systemClock });
  for (let n = 0; n < 9; n++) {
    ledger.append(leaf(n, { n, text: `é "${n}"`, list: [n, 1.5e21, null, true], nested: { b: 1, a: 2 } }));
    if (n % 3 === 2) await ledger.checkpoint();
  }
  await ledger.close();
  key = readFileSync(join(base, "signer/key.pub"), "utf8");
  outsider = (await import(pathToFileURL(OUTSIDER).href)) as typeof outsider;
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Both verdicts on the log with one file changed; only the log's own folder and the key are handed over. */
function verdicts(file: string, change: (bytes: Buffer) => Buffer | string, folder = temporaryFolder()) {
  cpSync(join(base, "ledger"), join(folder, "ledger"), { recursive: true });
  const path = join(folder, "ledger", file);
  writeFileSync(path, change(readFileSync(path)));
  const ours = verifyLedger(folder, key);
  return { ours, theirs: outsider.check(join(folder, "ledger"), key) };
}

const lines = (change: (lines: string[]) => string[]) => (bytes: Buffer) =>
  `${change(bytes.toString().trimEnd().split("\n")).join("\n")}\n`;

test("an untouched log is whole, for us and for an outsider", () => {
  const { ours, theirs } = verdicts(LEAVES, (bytes) => bytes);
  expect(ours).toMatchObject({ status: "ok", leaves: 9, checkpoints: 3, signedLeaves: 9 });
  expect(theirs).toMatchObject({ ok: true, leaves: 9, signed: 9, root: ours.status === "ok" ? ours.root : "" });
});

test.each([
  ["a dropped leaf in the middle", LEAVES, lines((l) => l.filter((_, i) => i !== 4)), "leaf 5 stands where leaf 4"],
  ["the last leaf dropped", LEAVES, lines((l) => l.slice(0, -1)), "it has 9 leaves and the log 8"],
  ["all leaves dropped", LEAVES, () => "", "it has 3 leaves and the log 0"],
  ["two leaves swapped", LEAVES, lines(([a = "", b = "", ...rest]) => [b, a, ...rest]), "leaf 1 stands where leaf 0"],
  ["a leaf twice", LEAVES, lines(([a = "", ...rest]) => [a, a, ...rest]), "leaf 0 stands where leaf 1"],
  ["a torn end", LEAVES, (b: Buffer) => b.subarray(0, -9), "torn"],
  [
    "a half leaf more",
    LEAVES,
    (b: Buffer) => Buffer.concat([b, Buffer.from('{"leaf":')]),
    "torn: 8 bytes after leaf 8",
  ],
  ["an empty line", LEAVES, lines((l) => [...l, ""]), "leaf 9 is damaged: not JSON"],
  [
    "a payload changed",
    LEAVES,
    (b: Buffer) => b.toString().replace('"n":4', '"n":5'),
    "leaf 4 is damaged: the payload",
  ],
  [
    "a key added",
    LEAVES,
    (b: Buffer) => b.toString().replace('"text":', '"sum":1,"text":'),
    "the payload is not the",
  ],
  ["spaces", LEAVES, (b: Buffer) => b.toString().replace('"n":4', '"n": 4'), "not in canonical form"],
  ["CRLF", LEAVES, (b: Buffer) => b.toString().replaceAll("\n", "\r\n"), "not in canonical form"],
  ["a checkpoint twice", CHECKPOINTS, lines(([a = "", ...rest]) => [a, a, ...rest]), "its size does not grow"],
  ["checkpoints swapped", CHECKPOINTS, lines((l) => l.toReversed()), "its size does not grow"],
  ["a torn checkpoint", CHECKPOINTS, (b: Buffer) => b.subarray(0, -9), "torn: it ends inside a checkpoint"],
  ["no tip", "tip.json", () => "", "ok"],
  ["the newest checkpoint gone, all leaves there", CHECKPOINTS, lines((l) => l.slice(0, -1)), "ok"],
])("%s is seen for what it is", (_, file, change, what) => {
  const { ours, theirs } = verdicts(file, change);
  expect(ours.status === "broken" ? ours.what : ours.status).toContain(what);
  expect(theirs.ok).toBe(ours.status === "ok");
});

test("a flipped bit anywhere in leaves or checkpoints is found, by us and by an outsider", {
  timeout: 120_000,
}, () => {
  const folder = temporaryFolder();
  for (const [file, step] of [
    [LEAVES, 7],
    [CHECKPOINTS, 3],
  ] as const) {
    const length = readFileSync(join(base, "ledger", file)).length;
    for (let at = 0; at < length; at += step) {
      const { ours, theirs } = verdicts(file, (bytes) => flipped(bytes, at, at % 8), folder);
      expect([ours.status, theirs.ok], `${file} byte ${at}`).toEqual(["broken", false]);
    }
    cpSync(join(base, "ledger", file), join(folder, "ledger", file));
  }
});

test("on 400 logs mutated at random the two verifiers agree", () => {
  const folder = temporaryFolder();
  const random = generator(20_261_121);
  let brokenCount = 0;
  for (let run = 0; run < 400; run++) {
    const file = [LEAVES, CHECKPOINTS, "tip.json"][random(3)] ?? LEAVES;
    const { ours, theirs } = verdicts(file, (bytes) => mutated(bytes, random), folder);
    expect(theirs.ok, `run ${run}: ${file}: ${JSON.stringify(ours)} ${JSON.stringify(theirs)}`).toBe(
      ours.status === "ok",
    );
    if (ours.status === "broken") brokenCount++;
    cpSync(join(base, "ledger", file), join(folder, "ledger", file));
  }
  expect(brokenCount).toBeGreaterThan(200);
});

test("leaves written after the last checkpoint are guarded by the mark of the end, not by a signature", async () => {
  const { stateDir, ledger } = newLog();
  ledger.append(leaf(0));
  await ledger.checkpoint();
  ledger.append(leaf(1));
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", leaves: 2, signedLeaves: 1 });
  const path = join(stateDir, "ledger", LEAVES);
  writeFileSync(path, lines((l) => l.slice(0, 1))(readFileSync(path)));
  expect(verifyLedger(stateDir)).toEqual({
    status: "broken",
    where: "tip.json",
    what: "it has 2 leaves and the log 1",
  });
});

test("a log rolled back together with its checkpoints and its mark is found by what the signer remembers", async () => {
  const { stateDir, ledger } = newLog();
  ledger.append(leaf(0));
  await ledger.checkpoint();
  const older = temporaryFolder();
  cpSync(join(stateDir, "ledger"), older, { recursive: true });
  ledger.append(leaf(1));
  await ledger.checkpoint();
  rmSync(join(stateDir, "ledger"), { recursive: true });
  cpSync(older, join(stateDir, "ledger"), { recursive: true });
  expect(verifyLedger(stateDir)).toMatchObject({ status: "broken", where: "what the signer signed last" });
});

test("checkpoints by another key are refused, and a log that is not there is no whole log", async () => {
  const { stateDir, ledger } = newLog();
  ledger.append(leaf(0));
  await ledger.checkpoint();
  expect(verifyLedger(stateDir, key)).toMatchObject({ status: "broken", where: "checkpoints.jsonl line 1" });
  expect(() => verifyLedger(temporaryFolder())).toThrow("there is no log in");
  expect(() => verifyLedger(stateDir, "nonsense")).toThrow("the log's public key cannot be read");
  rmSync(join(stateDir, "signer"), { recursive: true });
  expect(() => verifyLedger(stateDir)).toThrow("there is no public key to check the log with");
});

test("the outsider's file runs alone, from another folder, with node and nothing else", () => {
  const folder = temporaryFolder();
  cpSync(OUTSIDER, join(folder, "check.mjs"));
  cpSync(join(base, "ledger"), join(folder, "log"), { recursive: true });
  const run = (log: string, keyText: string) =>
    spawnSync(process.execPath, [join(folder, "check.mjs"), log, keyText], {
      cwd: folder,
      env: {},
      encoding: "utf8",
    });
  expect(
    execFileSync(process.execPath, [join(folder, "check.mjs"), "log", key], { cwd: folder, env: {} }).toString(),
  ).toMatch(/^ok: 9 leaves, 9 of them signed, root [0-9a-f]{64}\n$/);
  writeFileSync(join(folder, "log", LEAVES), "");
  expect(run("log", key)).toMatchObject({ status: 1, stdout: expect.stringContaining("broken: checkpoints.jsonl") });
  expect(run("nowhere", key)).toMatchObject({ status: 2, stderr: expect.stringContaining("could not be checked") });
  expect(run("log", "nonsense").status).toBe(2);
});

function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}

function mutated(bytes: Buffer, random: (below: number) => number): Buffer {
  const [a, b] = [random(bytes.length), random(bytes.length)];
  const [from, to] = [Math.min(a, b), Math.max(a, b)];
  switch (random(6)) {
    case 0:
      return flipped(bytes, a, random(8));
    case 1:
      return bytes.subarray(0, a);
    case 2:
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
    case 4: {
      const list = bytes.toString().trimEnd().split("\n");
      const moved = list.splice(random(list.length), 1);
      list.splice(random(list.length + 1), 0, ...moved);
      return Buffer.from(`${list.join("\n")}\n`);
    }
    default:
      return Buffer.concat([bytes.subarray(0, a), Buffer.from([random(256)]), bytes.subarray(a)]);
  }
}

/** A small seeded generator (mulberry32), so that a failure can be run again. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
