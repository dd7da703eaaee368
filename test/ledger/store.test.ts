import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { openLedger } from "../../src/ledger/open.ts";
import { SEGMENT_BYTES_MAX } from "../../src/ledger/segments.ts";
import { verifyLedger } from "../../src/ledger/verify.ts";
import { leaf, newLog, temporaryFolder } from "../support/ledger/logs.ts";

const APPENDER = join(import.meta.dirname, "../support/ledger/appender.ts");
const FIRST = "ledger/leaves-000000000000.jsonl";

function appender(...args: string[]) {
  const child = spawn(process.execPath, [APPENDER, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  const first = Promise.withResolvers<void>();
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    first.resolve();
  });
  const done = new Promise<number[]>((resolve) => {
    child.once("close", () => resolve(out.split("\n").filter(Boolean).map(Number)));
  });
  return { kill: () => child.kill("SIGKILL"), hasBegun: first.promise, done };
}

test("what was appended is read back from the disk, by another handle too, from any seq on", () => {
  const { stateDir, ledger } = newLog();
  for (let n = 0; n < 5; n++) expect(ledger.append(leaf(n)).seq).toBe(n);
  const other = newLog(stateDir).ledger;
  expect(other.read().map((entry) => entry.payload.n)).toEqual([0, 1, 2, 3, 4]);
  expect(other.read(3).map((entry) => entry.leaf.seq)).toEqual([3, 4]);
  expect(other.read(9)).toEqual([]);
  expect(other.read()[2]?.leaf).toMatchObject({ v: 1, kind: "test.leaf", cycle: "c-test", actor: { kind: "cycle" } });
});

test("who asks again from the same seq sees what another handle appended meanwhile, and may ask for earlier ones after that", () => {
  const { stateDir, ledger } = newLog();
  const other = newLog(stateDir).ledger;
  for (let n = 0; n < 5; n++) ledger.append(leaf(n));
  expect(other.size()).toBe(5);
  expect(other.read(5)).toEqual([]);
  for (let n = 5; n < 8; n++) {
    ledger.append(leaf(n));
    expect(other.read(5).map((entry) => entry.leaf.seq)).toEqual([5, 6, 7].slice(0, n - 4));
  }
  expect(other.read(2).map((entry) => entry.leaf.seq)).toEqual([2, 3, 4, 5, 6, 7]);
  expect(other.read(7).map((entry) => entry.leaf.seq)).toEqual([7]);
  expect(other.size()).toBe(8);
});

test("two handles in one process take turns without a gap", () => {
  const { stateDir, ledger } = newLog();
  const other = newLog(stateDir).ledger;
  for (let n = 0; n < 20; n++) (n % 3 === 0 ? ledger : other).append(leaf(n));
  expect(ledger.read().map((entry) => entry.leaf.seq)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", leaves: 20 });
});

test("four processes with fifty leaves each make one log of two hundred, each told its own seq", async () => {
  const { stateDir, ledger } = newLog();
  const told = await Promise.all(["a", "b", "c", "d"].map((name) => appender(stateDir, "50", name).done));
  expect(told.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  await ledger.checkpoint();
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", leaves: 200, signedLeaves: 200 });
  for (const [index, name] of ["a", "b", "c", "d"].entries()) {
    const own = ledger.read().filter((entry) => entry.leaf.actor.name === name);
    expect(own.map((entry) => entry.leaf.seq)).toEqual(told[index]);
    expect(own.map((entry) => entry.payload.n)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  }
});

test("writers killed with SIGKILL at any moment leave a log that goes on and verifies, with every told leaf in it", async () => {
  const { stateDir, ledger } = newLog();
  const told: number[] = [];
  for (let round = 0; round < 12; round++) {
    const writers = ["30000", "60000"].map((bytes) => appender(stateDir, "100000", "victim", bytes));
    await Promise.race(writers.map((writer) => writer.hasBegun));
    await sleep(7 * round);
    for (const writer of writers) writer.kill();
    for (const writer of writers) told.push(...(await writer.done));
    ledger.append(leaf(round));
    if (round % 4 === 0) await ledger.checkpoint();
    expect(verifyLedger(stateDir).status, `round ${round}`).toBe("ok");
  }
  expect(told.length).toBeGreaterThanOrEqual(12);
  const leaves = verifyLedger(stateDir);
  expect(leaves.status === "ok" && leaves.leaves > Math.max(...told)).toBe(true);
  expect(new Set(told).size).toBe(told.length);
});

test("a torn last line is cut by the next append, which says so in a leaf", () => {
  const { stateDir, ledger } = newLog();
  ledger.append(leaf(0));
  appendFileSync(join(stateDir, FIRST), '{"leaf":{"actor"');
  expect(verifyLedger(stateDir)).toMatchObject({ status: "broken", what: "torn: 16 bytes after leaf 0" });
  expect(ledger.read()).toHaveLength(1);
  expect(ledger.append(leaf(1)).seq).toBe(2);
  expect(ledger.read().map((entry) => entry.leaf.kind)).toEqual(["test.leaf", "log.recovered", "test.leaf"]);
  expect(ledger.read()[1]?.payload).toEqual({ bytesCut: 16 });
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", leaves: 3 });
});

test("a log that lost leaves it had acknowledged takes no more", () => {
  const { stateDir, ledger } = newLog();
  for (let n = 0; n < 3; n++) ledger.append(leaf(n));
  const path = join(stateDir, FIRST);
  truncateSync(path, statSync(path).size - 400);
  for (const handle of [ledger, newLog(stateDir).ledger]) {
    expect(() => handle.append(leaf(3))).toThrow("the log cannot be written");
  }
});

test("a damaged leaf stops reading with its place", () => {
  const { stateDir, ledger } = newLog();
  for (let n = 0; n < 3; n++) ledger.append(leaf(n));
  const path = join(stateDir, FIRST);
  writeFileSync(path, readFileSync(path, "utf8").replace('"n":1', '"n":7'));
  expect(() => ledger.read()).toThrow("the log is damaged: leaf 1 is damaged: the payload is not the one");
});

test.each([
  ["missing", (path: string) => rmSync(path)],
  ["empty", (path: string) => truncateSync(path, 0)],
  ["damaged", (path: string) => writeFileSync(path, readFileSync(path, "utf8").replace('"size":5', '"size":4'))],
  ["zeros", (path: string) => writeFileSync(path, Buffer.alloc(4096))],
])("the mark of the end is derived from the leaves when it is %s", (_, spoil) => {
  const { stateDir, ledger } = newLog();
  for (let n = 0; n < 5; n++) ledger.append(leaf(n));
  spoil(join(stateDir, "ledger/tip.json"));
  expect(newLog(stateDir).ledger.append(leaf(5)).seq).toBe(5);
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", leaves: 6 });
});

test("a full segment is followed by the next, and reading and verifying cross over", {
  timeout: 30_000,
}, async () => {
  const { stateDir, ledger } = newLog();
  const text = "x".repeat(60_000);
  const total = Math.ceil(SEGMENT_BYTES_MAX / 60_000) + 5;
  for (let n = 0; n < total; n++) ledger.append(leaf(n, { n, text }));
  await ledger.checkpoint();
  expect(readdirSync(join(stateDir, "ledger")).filter((name) => name.startsWith("leaves-"))).toHaveLength(2);
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", leaves: total });
  expect(
    newLog(stateDir)
      .ledger.read(total - 2)
      .map((entry) => entry.payload.n),
  ).toEqual([total - 2, total - 1]);
  rmSync(join(stateDir, FIRST));
  expect(verifyLedger(stateDir)).toMatchObject({ status: "broken", what: "it begins where leaf 0 belongs" });
});

test("a payload over 64 KiB, or not JSON, is a bug of the caller and leaves nothing behind", () => {
  const { ledger } = newLog();
  expect(() => ledger.append(leaf(0, { text: "x".repeat(65_536) }))).toThrow(RangeError);
  expect(() => ledger.append(leaf(0, { n: 1n }))).toThrow(TypeError);
  expect(ledger.append(leaf(0, { text: "x".repeat(65_000) })).seq).toBe(0);
});

test("text from a guest that is not well-formed Unicode is kept with its place marked", () => {
  const { stateDir, ledger } = newLog();
  ledger.append(leaf(0, { text: "a\ud800b", gone: undefined, zero: "\u0000\u2028", ["__proto__"]: 1 }));
  expect(ledger.read()[0]?.payload.text).toBe("a\ufffdb");
  expect(verifyLedger(stateDir).status).toBe("ok");
});

/** Runs a shell line in a mount namespace of its own, so that its mounts go with it. */
function inOwnMounts(script: string, ...args: string[]) {
  return spawnSync("unshare", ["--mount", "sh", "-ec", script, "sh", ...args], { encoding: "utf8" });
}

test("on a full disk the append is refused with a hint, what was told stays, and with room again the log goes on", () => {
  const folder = temporaryFolder();
  const run = inOwnMounts(
    `mount -t tmpfs -o size=256k tmpfs "$1"
     "$2" "$3" "$1" 1000 filler 5000
     du -k "$1" | tail -n 1
     mount -o remount,size=2m "$1"
     "$2" "$3" "$1" 1 after 10
     "$2" -e 'import(process.argv[1]).then((m) => console.log(JSON.stringify(m.verifyLedger(process.argv[2]))))' "$4" "$1"`,
    folder,
    process.execPath,
    APPENDER,
    join(import.meta.dirname, "../../src/ledger/verify.ts"),
  );
  const [verdict = "", after = "", , refused = "", last = ""] = run.stdout.trim().split("\n").toReversed();
  expect(refused).toMatch(/^refused: the log cannot be written \(free space for .*\)$/);
  expect(Number(last)).toBeGreaterThan(20);
  expect(Number(after)).toBe(Number(last) + 1);
  expect(JSON.parse(verdict)).toMatchObject({ status: "ok", leaves: Number(after) + 1 });
});

test("in a read-only folder the append is refused with a hint, and the log can still be verified", () => {
  const { stateDir, ledger } = newLog();
  ledger.append(leaf(0));
  const run = inOwnMounts(
    `mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"
     "$2" "$3" "$1" 1 refused 10
     "$2" -e 'import(process.argv[1]).then((m) => console.log(JSON.stringify(m.verifyLedger(process.argv[2]))))' "$4" "$1"`,
    stateDir,
    process.execPath,
    APPENDER,
    join(import.meta.dirname, "../../src/ledger/verify.ts"),
  );
  const [refused = "", verdict = ""] = run.stdout.trim().split("\n");
  expect(refused).toMatch(/^refused: the log cannot be written \(.* is read-only: /);
  expect(JSON.parse(verdict)).toMatchObject({ status: "ok", leaves: 1 });
});

test("a state folder that cannot be made is the operator's to put right", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "file"), "");
  expect(() => openLedger(join(folder, "file"), { clock: systemClock })).toThrow("the log cannot be written");
});
