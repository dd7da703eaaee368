import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verb } from "../../src/cli/log.ts";
import { openCheckpoint, parseLogKey } from "../../src/ledger/checkpoint.ts";
import { isIncluded, leafHash } from "../../src/ledger/tree.ts";
import { runVerb } from "../support/io.ts";
import { leaf, newLog, temporaryFolder } from "../support/ledger/logs.ts";

const FINDING = `fp1:${"ab12cd".padEnd(64, "0")}`;

async function logOfSix() {
  const { stateDir, ledger } = newLog();
  for (let n = 0; n < 5; n++) ledger.append(leaf(n));
  ledger.append({ ...leaf(5, { finding: FINDING, note: "\u001b[2Jcleared\u202e" }), cycle: null });
  await ledger.checkpoint();
  return { stateDir, ledger };
}

/** Reads a tlog-proof with nothing but the format's description. */
function checkProof(text: string, keyText: string): { leaf: { seq: number } } {
  const [head, note] = [text.slice(0, text.indexOf("\n\n")), text.slice(text.indexOf("\n\n") + 2)];
  const [version, extra = "", index = "", ...path] = head.split("\n");
  const key = parseLogKey(keyText);
  if (version !== "c2sp.org/tlog-proof@v1" || key === undefined) throw new Error("not a proof");
  const opened = openCheckpoint(note.endsWith("\n") ? note : `${note}\n`, key);
  if (opened.status === "bad") throw new Error(opened.reason);
  const bytes = Buffer.from(extra.replace("extra ", ""), "base64");
  const isIn = isIncluded({
    leaf: leafHash(bytes),
    index: Number(index.replace("index ", "")),
    size: opened.checkpoint.size,
    root: opened.checkpoint.root,
    proof: path.map((hash) => Buffer.from(hash, "base64")),
  });
  if (!isIn) throw new Error("not included");
  return { leaf: JSON.parse(bytes.toString()) as { seq: number } };
}

test("show prints a line a leaf, of one cycle when asked, with nothing in it that moves a cursor", async () => {
  const { stateDir } = await logOfSix();
  const all = await runVerb(verb, ["show"], { state: stateDir });
  expect(all.out).toHaveLength(6);
  expect(all.out[5]).toContain("test.leaf");
  expect(all.out[5]).not.toContain("\u001b");
  expect(all.out[5]).not.toContain("\u202e");
  expect((await runVerb(verb, ["show"], { state: stateDir, cycle: "c-test" })).out).toHaveLength(5);
  expect((await runVerb(verb, ["show"], { state: stateDir, cycle: "c-none" })).out).toEqual([
    "the log has nothing of cycle c-none",
  ]);
  expect((await runVerb(verb, ["show"], { state: stateDir, json: true })).json[0]).toHaveLength(6);
});

test("verify exits 0 on a whole log and says what is not signed yet", async () => {
  const { stateDir, ledger } = await logOfSix();
  ledger.append(leaf(6));
  const { code, out } = await runVerb(verb, ["verify"], { state: stateDir });
  expect(code).toBe(0);
  expect(out[0]).toBe("the log is whole: 7 leaves, 1 checkpoint");
  expect(out[3]).toBe("the last 1 leaf came after the last checkpoint: not yet signed");
});

test("verify exits 30 on a changed log, with the place", async () => {
  const { stateDir } = await logOfSix();
  const path = join(stateDir, "ledger/leaves-000000000000.jsonl");
  writeFileSync(path, readFileSync(path, "utf8").replace('"n":3', '"n":4'));
  const { code, out } = await runVerb(verb, ["verify"], { state: stateDir });
  expect(code).toBe(30);
  expect(out).toEqual([
    "the log is broken at leaves-000000000000.jsonl: leaf 3 is damaged: the payload is not the one the leaf commits to",
  ]);
  expect((await runVerb(verb, ["verify"], { state: stateDir, json: true })).json[0]).toMatchObject({
    status: "broken",
  });
});

test("a proof printed for a leaf, a finding or a cycle is checked by the format's own rules", async () => {
  const { stateDir } = await logOfSix();
  const key = readFileSync(join(stateDir, "signer/key.pub"), "utf8");
  for (const [which, seq] of [
    ["3", 3],
    [FINDING, 5],
    ["ab12cd", 5],
  ] as const) {
    const { out } = await runVerb(verb, ["prove", which], { state: stateDir });
    expect(checkProof(`${out.join("\n")}\n`, key).leaf.seq).toBe(seq);
  }
  const [proofs] = (await runVerb(verb, ["prove", "c-test"], { state: stateDir, json: true })).json as [
    { text: string }[],
  ];
  expect(proofs.map((proof) => checkProof(proof.text, key).leaf.seq)).toEqual([0, 1, 2, 3, 4]);
});

test("what cannot be proved is said, not left out", async () => {
  const { stateDir, ledger } = await logOfSix();
  ledger.append(leaf(6));
  const run = (which: string[]) => runVerb(verb, ["prove", ...which], { state: stateDir });
  await expect(run(["6"])).rejects.toThrow("leaf 6 is not under a signed checkpoint yet");
  await expect(run(["99"])).rejects.toThrow("the log has no leaf for 99");
  await expect(run([])).rejects.toThrow("prove needs a leaf, a cycle or a finding");
  await expect(runVerb(verb, ["prune"], { state: stateDir })).rejects.toThrow("log needs show, verify or prove");
  const fresh = newLog();
  fresh.ledger.append(leaf(0));
  await expect(runVerb(verb, ["prove", "0"], { state: fresh.stateDir })).rejects.toThrow(
    "nothing in the log is signed",
  );
  await expect(runVerb(verb, ["verify"], { state: temporaryFolder() })).rejects.toThrow("there is no log in");
});
