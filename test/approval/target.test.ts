import { expect, test } from "vitest";
import { snapshotLeaf, targetOf } from "../../src/approval/target.ts";
import { TARGET } from "../support/approval/samples.ts";
import { leaf, newLog } from "../support/ledger/logs.ts";

test("the state a cycle measured is read back from the log, and another cycle's is not taken for it", () => {
  const { ledger } = newLog();
  ledger.append(snapshotLeaf("c-one", TARGET));
  ledger.append(snapshotLeaf("c-two", { ...TARGET, snapshotSha256: "7".repeat(64) }));
  ledger.append(leaf(0, { stack: "forged", snapshot: "f".repeat(64) }));
  expect(targetOf("c-one", ledger.read())).toEqual(TARGET);
  expect(targetOf("c-two", ledger.read()).snapshotSha256).toBe("7".repeat(64));
});

test("a cycle whose snapshot is not in the log gives nothing to decide on", () => {
  const { ledger } = newLog();
  ledger.append(leaf(0));
  expect(() => targetOf("c-test", ledger.read())).toThrow("the log has no snapshot of cycle c-test");
});
