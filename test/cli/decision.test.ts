import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Decided } from "../../src/approval/approve.ts";
import { readRecords } from "../../src/approval/record.ts";
import { snapshotLeaf } from "../../src/approval/target.ts";
import { systemClock } from "../../src/base/clock.ts";
import { verb as approve } from "../../src/cli/approve.ts";
import { verb as reject } from "../../src/cli/reject.ts";
import type { Finding } from "../../src/findings/finding.ts";
import { verifyLedger } from "../../src/ledger/verify.ts";
import { setLatch } from "../../src/stop/latch.ts";
import { openStore } from "../../src/store/openStore.ts";
import { FINDING, makeKey, TARGET } from "../support/approval/samples.ts";
import { runVerb } from "../support/io.ts";
import { newLog } from "../support/ledger/logs.ts";

/** A state folder as a cycle leaves it: a snapshot in the log, findings in the store. */
function afterCycle(...findings: Finding[]): string {
  const { stateDir, ledger } = newLog();
  ledger.append(snapshotLeaf(FINDING.lastCycle, TARGET));
  const store = openStore(stateDir);
  const cycle = FINDING.lastCycle;
  store.saveCycle({
    id: cycle,
    stack: "demo",
    startedAt: FINDING.lastSeen,
    endedAt: null,
    outcome: null,
    summary: {},
    reportPath: null,
  });
  store.saveFindings({ stack: "demo", cycle, at: new Date(FINDING.lastSeen), findings, moves: [] });
  store.close();
  return stateDir;
}

function stateOf(stateDir: string, id = FINDING.id): string {
  const store = openStore(stateDir);
  try {
    return store.finding(id).state;
  } finally {
    store.close();
  }
}

test("approve shows what is approved, records it signed, moves the finding and applies nothing", async () => {
  const stateDir = afterCycle(FINDING);
  const key = makeKey(stateDir, "ada");
  const { code, out } = await runVerb(approve, ["ab12cd"], { state: stateDir, reason: "understood", key: key.path });
  expect(code).toBe(0);
  expect(out[0]).toContain(FINDING.title);
  expect(out[0]).toMatch(/apply\.sh {3}sha256 [0-9a-f]{64}/);
  expect(out[0]).toContain("effect: tools that start containers stop working");
  expect(out[1]).toMatch(/^recorded: approve by .*, key SHA256:.*, leaf 1 of the log/);
  expect(out.at(-1)).toBe("nothing was applied");
  expect(stateOf(stateDir)).toBe("approved");
  expect(verifyLedger(stateDir)).toMatchObject({ status: "ok", leaves: 2, signedLeaves: 2 });
});

test("without a key the record says unsigned, and signing it afterwards is allowed", async () => {
  const stateDir = afterCycle(FINDING);
  const first = await runVerb(approve, [FINDING.id], { state: stateDir, reason: "ok", json: true });
  expect(first.out).toEqual([]);
  expect((first.json[0] as Decided).standing).toMatchObject({ status: "valid", isSigned: false });
  const key = makeKey(stateDir, "ada").path;
  const again = await runVerb(approve, [FINDING.id], { state: stateDir, reason: "signed", key, json: true });
  expect((again.json[0] as Decided).standing).toMatchObject({ status: "valid", isSigned: true });
  expect(readRecords(stateDir)).toHaveLength(2);
});

test("reject moves an approved finding to rejected, and then nobody approves it", async () => {
  const stateDir = afterCycle(FINDING);
  const values = { state: stateDir, reason: "too broad" };
  await runVerb(approve, ["ab12cd"], values);
  await runVerb(reject, ["ab12cd"], values);
  expect(stateOf(stateDir)).toBe("rejected");
  await expect(runVerb(approve, ["ab12cd"], values)).rejects.toThrow(
    "a finding that is rejected cannot take approve",
  );
  expect(readRecords(stateDir)).toHaveLength(2);
});

test("the kill latch stops no decision", async () => {
  const stateDir = afterCycle(FINDING);
  setLatch(stateDir, { who: "test", why: "test" }, systemClock);
  expect((await runVerb(reject, ["ab12cd"], { state: stateDir, reason: "no" })).code).toBe(0);
});

test("what cannot be decided on is said, and leaves no record", async () => {
  const { mitigation: _, ...bare } = FINDING;
  const other = { ...bare, id: `fp1:${"ab12cd99".repeat(8)}` };
  const stateDir = afterCycle(FINDING, other);
  const run = (args: string[], values: Record<string, string> = { reason: "r" }) =>
    runVerb(approve, args, { state: stateDir, ...values });
  await expect(run(["ab12cd"])).rejects.toThrow("2 findings begin with ab12cd");
  await expect(run(["ab12"])).rejects.toThrow("not enough of a finding's id: ab12");
  await expect(run(["000000"])).rejects.toThrow("no finding begins with 000000");
  await expect(run([])).rejects.toThrow("approve needs the id of a finding and a reason");
  await expect(run([FINDING.id], {})).rejects.toThrow("approve needs the id of a finding and a reason");
  await expect(run([FINDING.id], { reason: "  " })).rejects.toThrow("approve needs the id of a finding and a reason");
  await expect(run([other.id])).rejects.toThrow("no mitigation is offered for it");
  await expect(run([FINDING.id], { reason: "r", key: "nowhere" })).rejects.toThrow(
    "ssh-keygen did not sign with /nowhere",
  );
  expect(readRecords(stateDir)).toEqual([]);
  expect(stateOf(stateDir)).toBe("open");
});

test("without the snapshot of its cycle in the log, or without a store, nothing is decided", async () => {
  const stateDir = afterCycle({ ...FINDING, lastCycle: "c-unknown" });
  const values = { state: stateDir, reason: "r" };
  await expect(runVerb(approve, ["ab12cd"], values)).rejects.toThrow("the log has no snapshot of cycle c-unknown");
  for (const name of readdirSync(stateDir)) if (name.startsWith("weakdoor.db")) rmSync(join(stateDir, name));
  writeFileSync(join(stateDir, "other"), "");
  await expect(runVerb(approve, ["ab12cd"], values)).rejects.toThrow("nothing is stored in");
});
