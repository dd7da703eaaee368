import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { openCheckpoint, parseLogKey } from "../../src/ledger/checkpoint.ts";
import { openLedger } from "../../src/ledger/open.ts";
import type { SignerRequest } from "../../src/ledger/signer.ts";
import { openSigningState } from "../../src/ledger/signing.ts";
import { consistencyProof, EMPTY_EDGE, extend, leafHash, rootOf, subtreesOf } from "../../src/ledger/tree.ts";
import { verifyLedger } from "../../src/ledger/verify.ts";
import { leaf, newLog, temporaryFolder } from "../support/ledger/logs.ts";

const leaves = (word: string, n: number) => Array.from({ length: n }, (_, i) => leafHash(Buffer.from(`${word}${i}`)));

function request(tree: Buffer[], from: number): string {
  const proof = consistencyProof(subtreesOf(tree), from, tree.length);
  const asked: SignerRequest = {
    ask: "sign",
    from,
    size: tree.length,
    root: rootOf(tree.reduce(extend, EMPTY_EDGE)).toString("base64"),
    proof: proof.map((hash) => Buffer.from(hash).toString("base64")),
  };
  return JSON.stringify(asked);
}

test("an extension is signed, a fork, a rollback and a request from an older size are not", () => {
  const signing = openSigningState(temporaryFolder(), "");
  const tree = leaves("a", 9);
  expect(signing.answer(request(tree.slice(0, 5), 0)).status).toBe("signed");
  expect(signing.answer(request(tree.slice(0, 5), 5)).status).toBe("signed");
  expect(signing.answer(request(tree, 5)).status).toBe("signed");
  expect(signing.answer(request([...tree.slice(0, 8), ...leaves("b", 4)], 9))).toMatchObject({ status: "refused" });
  expect(signing.answer(request(leaves("b", 9), 9))).toMatchObject({ status: "refused" });
  expect(signing.answer(request(tree.slice(0, 5), 0)).status).toBe("moved");
  const rollback = JSON.parse(request(tree.slice(0, 5), 0)) as object;
  expect(signing.answer(JSON.stringify({ ...rollback, from: 9 })).status).toBe("refused");
  expect(signing.answer(JSON.stringify({ ask: "last" }))).toMatchObject({ status: "last", size: 9 });
});

test("what is not a request is refused and the signer goes on", () => {
  const signing = openSigningState(temporaryFolder(), "");
  for (const line of ["", "{", "null", '{"ask":"key"}', '{"ask":"sign","from":-1}']) {
    expect(signing.answer(line)).toEqual({ status: "refused", reason: "not a request" });
  }
  expect(signing.answer(JSON.stringify({ ask: "last" }))).toMatchObject({ status: "last", size: 0 });
});

test("a signer without its memory, or with a memory and no key, signs nothing", () => {
  const folder = temporaryFolder();
  openSigningState(folder, "").answer(request(leaves("a", 3), 0));
  const memory = readFileSync(join(folder, "last.json"));
  rmSync(join(folder, "last.json"));
  expect(openSigningState(folder, "").answer(request(leaves("b", 3), 0))).toMatchObject({ status: "refused" });
  writeFileSync(join(folder, "last.json"), memory);
  rmSync(join(folder, "key"));
  expect(openSigningState(folder, "").answer(request(leaves("b", 3), 0))).toEqual({
    status: "failed",
    reason: "the signer's key is gone",
  });
});

test("the key is readable by its owner only, keeps the name it was made with, and checks the checkpoints", async () => {
  const { stateDir, ledger } = newLog();
  ledger.append(leaf(0));
  const note = await ledger.checkpoint();
  expect(statSync(join(stateDir, "signer/key")).mode & 0o777).toBe(0o600);
  const key = parseLogKey(readFileSync(join(stateDir, "signer/key.pub"), "utf8"));
  if (key === undefined) throw new Error("key.pub is not read");
  expect(openCheckpoint(note, key)).toMatchObject({ status: "good", checkpoint: { size: 1 } });
  const named = openLedger(stateDir, { clock: systemClock, origin: "another.example/log" });
  await expect(named.checkpoint()).rejects.toThrow(`the log is called ${key.name} and not another.example/log`);
  await named.close();
});

test("checkpoints asked for by several handles at once are all good and kept in growing order", async () => {
  const { stateDir, ledger } = newLog();
  const handles = [ledger, newLog(stateDir).ledger, newLog(stateDir).ledger];
  await Promise.all(
    handles.map(async (handle) => {
      for (let n = 0; n < 8; n++) {
        handle.append(leaf(n));
        await handle.checkpoint();
      }
    }),
  );
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", leaves: 24, signedLeaves: 24 });
});

test("a log that was rolled back, or whose leaves were replaced, gets no checkpoint", async () => {
  const { stateDir, ledger } = newLog();
  for (let n = 0; n < 4; n++) ledger.append(leaf(n));
  await ledger.checkpoint();
  const rolledBack = temporaryFolder();
  cpSync(join(stateDir, "signer"), join(rolledBack, "signer"), { recursive: true });
  const short = newLog(rolledBack).ledger;
  short.append(leaf(0));
  await expect(short.checkpoint()).rejects.toThrow("the log has 1 leaves and its signer has signed 4");
  for (let n = 1; n < 6; n++) short.append(leaf(n, { forged: n }));
  await expect(short.checkpoint()).rejects.toThrow(
    "the log's signer does not sign: not an extension of the 4 leaves",
  );
});

test("a damaged or forged mark of what was signed is derived anew and does no harm", async () => {
  const { stateDir, ledger } = newLog();
  for (let n = 0; n < 5; n++) ledger.append(leaf(n));
  await ledger.checkpoint();
  writeFileSync(join(stateDir, "ledger/signed.json"), "{}");
  ledger.append(leaf(5));
  await ledger.checkpoint();
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", signedLeaves: 6 });
});

test("a signer that does not answer in time is an error with its deadline, and the next one gets another", async () => {
  const stateDir = temporaryFolder();
  const hasty = openLedger(stateDir, { clock: systemClock, signerDeadlineMs: 1 });
  hasty.append(leaf(0));
  for (const _ of [1, 2]) {
    await expect(hasty.checkpoint()).rejects.toThrow("the log's signer did not answer within 1 ms");
  }
  await hasty.close();
  const patient = newLog(stateDir).ledger;
  await patient.checkpoint();
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", signedLeaves: 1 });
});
