import { expect, test } from "vitest";
import { isExposure } from "../../src/guest/exposure.ts";
import { CHECKS } from "../../src/guest/probe/all.ts";
import { checksWithReversal, reversalOf } from "../../src/probe/reversals.ts";
import { TOOL_CHECKS } from "../../src/probe/tools/rows.ts";
import { row } from "./sample.ts";

/** Told by the host, of a target. */
const OF_THE_HOST = ["outside-canary", "copy-out", "outlives-call", "listening-port"];
const accusing = [...CHECKS.map(({ id }) => id), ...OF_THE_HOST].filter((id) => isExposure(row(id, "reachable")));

test.each(accusing)("an exposure of %s names what closes it, and that it must flip itself", (check) => {
  const id = `${check}:/some/place`;
  const reversal = reversalOf(row(id, "reachable"));
  expect(reversal?.flips).toBe(id);
  expect(reversal?.close.length).toBeGreaterThan(10);
  expect(reversal?.close).not.toMatch(/undefined|,,|\(\)/);
});

test("there is no reversal for a check that nobody makes, so that none outlives its check", () => {
  const made = new Set([...CHECKS.map(({ id }) => id), ...OF_THE_HOST, ...TOOL_CHECKS.map(({ check }) => check)]);
  expect([...checksWithReversal()].filter((id) => !made.has(id))).toEqual([]);
});

test.each(["denied", "absent", "not-measured", "contradictory"] as const)("what is %s needs none", (verdict) => {
  expect(reversalOf(row("engine-socket:/x", verdict))).toBeUndefined();
});

test("a mount that may be written to is first closed by one word, and one that may be read by leaving it out", () => {
  expect(reversalOf(row("host-mount:/srv", "reachable", { access: ["read", "write"] }))?.close).toContain(
    "read-only",
  );
  expect(reversalOf(row("host-mount:/srv", "reachable", { access: ["read"] }))?.close).toMatch(
    /^leave out the mount/,
  );
});

test("a capability is named as each tool spells it", () => {
  expect(reversalOf(row("capability:CAP_SYS_ADMIN", "reachable"))?.close).toBe(
    "drop CAP_SYS_ADMIN (docker --cap-drop SYS_ADMIN, bwrap --cap-drop CAP_SYS_ADMIN)",
  );
});
