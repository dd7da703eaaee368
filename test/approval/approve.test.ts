import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ApprovalRecord } from "../../src/approval/approval.ts";
import { type Decision, takeDecision } from "../../src/approval/approve.ts";
import { keepRecord, readRecords } from "../../src/approval/record.ts";
import { standingsOf, verifyApproval, worldOf } from "../../src/approval/standing.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { OperatorError } from "../../src/base/errors.ts";
import type { Finding } from "../../src/findings/finding.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { openLedger } from "../../src/ledger/open.ts";
import { verifyLedger } from "../../src/ledger/verify.ts";
import { FINDING, makeKey, TARGET } from "../support/approval/samples.ts";
import { leaf, newLog, temporaryFolder } from "../support/ledger/logs.ts";

function decision(stateDir: string, change: Partial<Decision> = {}): Decision {
  return {
    stateDir,
    decision: "approve",
    finding: FINDING,
    target: TARGET,
    reason: "seen and understood",
    decider: { kind: "person", name: "ada" },
    keyPath: undefined,
    tool: { program: "ssh-keygen", session: {} },
    clock: systemClock,
    signal: new AbortController().signal,
    show: () => undefined,
    ...change,
  };
}

const at = (date: Date): Clock => ({ now: () => date, monotonicMs: () => 0 });
const inDays = (days: number) => at(new Date(Date.now() + days * 86_400_000));

async function signedApproval() {
  const stateDir = temporaryFolder();
  const key = makeKey(stateDir, "ada-key");
  const taken = await takeDecision(decision(stateDir, { keyPath: key.path }));
  return { stateDir, key, ...taken };
}

const stands = (stateDir: string, record: ApprovalRecord, finding: Finding = FINDING, clock: Clock = systemClock) =>
  verifyApproval(finding, record, worldOf(stateDir, TARGET, clock));

test("a signed approval is shown first, recorded as file and leaf, under a checkpoint, and stands", async () => {
  const stateDir = temporaryFolder();
  const shown: string[] = [];
  const show = (text: string) => {
    shown.push(text);
    expect(readRecords(stateDir)).toEqual([]);
  };
  const key = makeKey(stateDir, "k");
  const { record, recorded, standing } = await takeDecision(decision(stateDir, { keyPath: key.path, show }));
  expect(shown).toEqual([record.presented]);
  expect(standing).toMatchObject({ status: "valid", isSigned: true, decision: "approve" });
  expect(standing.by).toMatch(/^ada, key SHA256:/);
  expect(recorded.leaf).toMatchObject({ kind: "approval.recorded", actor: { kind: "person", name: "ada" } });
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", leaves: 1, signedLeaves: 1 });
  expect(readRecords(stateDir)).toMatchObject([{ status: "read", record }]);
  expect(await stands(stateDir, record)).toMatchObject({ status: "valid" });
});

test("without a key it is recorded under the name of the system's user and called unsigned", async () => {
  const { standing } = await takeDecision(decision(temporaryFolder()));
  expect(standing).toMatchObject({ status: "valid", isSigned: false, by: "ada, unsigned" });
});

test("each changed field of a signed record voids it", async () => {
  const { stateDir, record } = await signedApproval();
  const changes: Partial<ApprovalRecord["statement"]>[] = [
    { kind: "mitigation.reject" },
    { decision: "reject" },
    { finding: `fp1:${"0".repeat(64)}` },
    { findingSha256: "0".repeat(64) },
    { applySha256: "0".repeat(64) },
    { applySha256: null },
    { reverseSha256: "0".repeat(64) },
    { roundTripSha256: "0".repeat(64) },
    { target: "prod" },
    { snapshotSha256: "0".repeat(64) },
    { reason: "another" },
    { issuedAt: "2020-01-01T00:00:00.000Z" },
    { notAfter: "2099-01-01T00:00:00.000Z" },
    { nonce: "0".repeat(32) },
    { checkpoint: { ...record.statement.checkpoint, size: 5 } },
    { checkpoint: { ...record.statement.checkpoint, root: "0".repeat(64) } },
    { presentedSha256: "0".repeat(64) },
  ];
  expect(new Set(changes.flatMap(Object.keys)).size).toBe(Object.keys(record.statement).length - 1);
  for (const change of changes) {
    const changed = { ...record, statement: { ...record.statement, ...change } };
    expect(await stands(stateDir, changed)).toMatchObject({ status: "void" });
  }
  for (const changed of [
    { ...record, presented: `${record.presented} ` },
    { ...record, decider: { kind: "person", name: "grace" } },
    { ...record, signature: { status: "unsigned" as const } },
  ]) {
    expect(await stands(stateDir, changed)).toMatchObject({ status: "void", rule: "in-the-log" });
  }
});

test("a file changed on the disk, or put there by hand, is void or named as unreadable", async () => {
  const { stateDir, record, recorded } = await signedApproval();
  const forged = { ...record, statement: { ...record.statement, nonce: "1".repeat(32) } };
  writeFileSync(join(stateDir, "approvals/forged.json"), JSON.stringify(forged));
  writeFileSync(join(stateDir, "approvals/text.json"), "{");
  writeFileSync(recorded.file, readFileSync(recorded.file, "utf8").replace("seen and", "seen, and"));
  const { standings, unreadable } = await standingsOf(stateDir, FINDING, worldOf(stateDir, TARGET, systemClock));
  expect(standings.map(({ status, rule }) => [status, rule])).toEqual([
    ["void", "in-the-log"],
    ["void", "in-the-log"],
  ]);
  expect(unreadable).toEqual([{ file: join(stateDir, "approvals/text.json"), reason: "not JSON" }]);
});

test("a record carried over to another log, leaf and all, does not stand there", async () => {
  const { record } = await signedApproval();
  const { stateDir, ledger } = newLog();
  ledger.append(leaf(0));
  const moved = { ...record, statement: { ...record.statement, checkpoint: { size: 1, root: "0".repeat(64) } } };
  keepRecord(stateDir, ledger, moved, "ada");
  expect(await stands(stateDir, moved)).toMatchObject({
    status: "void",
    reason: "the log it was given after is another",
  });
});

test("a signature by another key, put in place of the person's, does not stand", async () => {
  const { stateDir, record, key } = await signedApproval();
  const other = await takeDecision(decision(stateDir, { keyPath: makeKey(stateDir, "other").path }));
  const swapped: ApprovalRecord = { ...record, signature: other.record.signature };
  expect(await stands(stateDir, swapped)).toMatchObject({ status: "void" });
  writeFileSync(
    join(stateDir, "roster.yaml"),
    `version: 1\npeople:\n  - id: ada\n    keys:\n      - ${key.publicKey}\n`,
  );
  expect(await stands(stateDir, record)).toMatchObject({ status: "valid", by: "ada" });
  expect(await stands(stateDir, other.record)).toMatchObject({ status: "refused", rule: "key-on-roster" });
});

test("a record does not stand for another finding or another state of the stack", async () => {
  const { stateDir, record } = await signedApproval();
  expect(await stands(stateDir, record, { ...FINDING, id: `fp1:${"9".repeat(64)}` })).toMatchObject({
    rule: "same-finding",
  });
  const moved = worldOf(stateDir, { ...TARGET, snapshotSha256: "8".repeat(64) }, systemClock);
  expect(await verifyApproval(FINDING, record, moved)).toMatchObject({ status: "void", rule: "same-state" });
});

test("an approval expires, and putting the clock back does not revive it once the log has moved on", async () => {
  const { stateDir, record } = await signedApproval();
  expect(await stands(stateDir, record, FINDING, inDays(6.9))).toMatchObject({ status: "valid" });
  expect(await stands(stateDir, record, FINDING, inDays(7))).toMatchObject({ status: "expired" });
  const later = openLedger(stateDir, { clock: inDays(8) });
  later.append(leaf(0));
  await later.close();
  expect(await stands(stateDir, record, FINDING, systemClock)).toMatchObject({ status: "expired" });
});

test("what would not count is refused with a hint, before a signature is asked for, and nothing is recorded", async () => {
  const stateDir = temporaryFolder();
  const { mitigation, ...bare } = FINDING;
  const nowhere = join(stateDir, "no-such-key");
  await expect(takeDecision(decision(stateDir, { finding: bare, keyPath: nowhere }))).rejects.toThrow(
    "no mitigation is offered",
  );
  await expect(takeDecision(decision(stateDir, { decider: { kind: "model", name: "m" } }))).rejects.toThrow(
    "a model decides nothing",
  );
  writeFileSync(
    join(stateDir, "roster.yaml"),
    `version: 1\npeople:\n  - id: a\n    keys:\n      - ${makeKey(stateDir, "a").publicKey}\n`,
  );
  await expect(takeDecision(decision(stateDir))).rejects.toThrow("there is a roster, and it is not signed");
  const stranger = makeKey(stateDir, "stranger").path;
  await expect(takeDecision(decision(stateDir, { keyPath: stranger }))).rejects.toThrow("is not on the roster");
  expect(readRecords(stateDir)).toEqual([]);
  expect(mitigation).toBeDefined();
});

test("a rejection ends an earlier approval and bars a later one, also when its file was deleted", async () => {
  const { stateDir, record } = await signedApproval();
  const no = await takeDecision(
    decision(stateDir, { decision: "reject", decider: { kind: "person", name: "grace" } }),
  );
  expect(await stands(stateDir, record)).toMatchObject({
    status: "refused",
    rule: "deny-wins",
    reason: "rejected by grace, unsigned",
  });
  rmSync(no.recorded.file);
  expect(await stands(stateDir, record)).toMatchObject({ status: "refused", rule: "deny-wins" });
  await expect(takeDecision(decision(stateDir))).rejects.toThrow("rejected by grace");
});

const DECIDER = join(import.meta.dirname, "../support/approval/decider.ts");

function decideInProcess(stateDir: string, choice: string, name: string): Promise<string> {
  const child = spawn(process.execPath, [DECIDER, stateDir, choice, name], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once("close", () => resolve(out.trim()));
  });
}

test("two approvals and two rejections by four processes at once end as rejected, and the log holds what was told", async () => {
  const stateDir = temporaryFolder();
  const choices = ["approve", "reject", "approve", "reject"];
  const told = await Promise.all(choices.map((choice, n) => decideInProcess(stateDir, choice, `p${n}`)));
  expect([told[1], told[3]]).toEqual(["valid", "valid"]);
  const world = worldOf(stateDir, TARGET, systemClock);
  const { standings } = await standingsOf(stateDir, FINDING, world);
  expect(standings.filter(({ status }) => status === "valid").map((standing) => standing.decision)).toEqual([
    "reject",
    "reject",
  ]);
  const recorded = told.filter((line) => !line.startsWith("not recorded"));
  expect(standings).toHaveLength(recorded.length);
  expect(world.entries).toHaveLength(recorded.length);
  expect(verifyLedger(stateDir).status).toBe("ok");
});

test("when the log takes no leaf the decision's file does not stay", async () => {
  const { record, stateDir, ledger } = { ...(await signedApproval()), ...newLog() };
  const full: Ledger = {
    ...ledger,
    append: () => {
      throw new OperatorError("the log cannot be written", "free space");
    },
  };
  expect(() => keepRecord(stateDir, full, record, "ada")).toThrow("the log cannot be written");
  expect(readRecords(stateDir)).toEqual([]);
});

test("where decisions cannot be kept, that is the operator's to put right", async () => {
  const { record } = await signedApproval();
  const { stateDir, ledger } = newLog();
  writeFileSync(join(stateDir, "approvals"), "");
  expect(() => keepRecord(stateDir, ledger, record, "ada")).toThrow("the decision cannot be written: EEXIST");
  expect(ledger.read()).toEqual([]);
});
