import { expect, test } from "vitest";
import { labWithinTarget } from "../../src/probe/subset.ts";
import { report, row } from "./sample.ts";

test("a lab that reaches less than its target is within it", () => {
  const lab = report("lab", [row("a:x", "reachable"), row("b", "denied")]);
  const target = report("target", [row("a:x", "reachable", { access: ["read", "write"] }), row("b", "reachable")]);
  expect(labWithinTarget(lab, target, [])).toMatchObject({ status: "held", compared: 2 });
});

test.each([
  ["the target is denied it", row("a:x", "denied")],
  ["the target has less access", row("a:x", "reachable", { access: ["list"] })],
  ["the target could not measure it, which is no licence", row("a:x", "not-measured")],
  ["the target was never asked", row("a:y", "reachable")],
])("what the lab reaches is too much when %s", (_, ofTarget) => {
  const lab = report("lab", [row("a:x", "reachable")]);
  expect(labWithinTarget(lab, report("target", [ofTarget]), [])).toMatchObject({
    status: "refuted",
    rows: [{ id: "a:x" }],
  });
});

test("what every container has is too much when this target has not", () => {
  const lab = report("lab", [row("runtime-default:CAP_NET_RAW", "reachable")]);
  const target = report("target", [row("runtime-default:CAP_NET_RAW", "absent")]);
  expect(labWithinTarget(lab, target, []).status).toBe("refuted");
});

test("the gateway's own doors are excepted by name, and said to be", () => {
  const lab = report("lab", [row("loopback-listener:127.0.0.1:3128", "reachable")]);
  const target = report("target", [row("loopback-listener", "absent")]);
  expect(labWithinTarget(lab, target, ["loopback-listener:127.0.0.1:3128"])).toMatchObject({
    status: "held",
    excepted: ["loopback-listener:127.0.0.1:3128"],
  });
  expect(labWithinTarget(lab, target, ["loopback-listener:127.0.0.1:80"]).status).toBe("refuted");
});

test("a check that failed in the lab shows nothing, so the answer is not_run", () => {
  const checks = [{ check: "a", category: "filesystem", from: "lab", status: "failed", reason: "threw" } as const];
  const lab = report("lab", [row("a", "not-measured")], { checks });
  expect(labWithinTarget(lab, report("target", [row("a:x", "denied")]), [])).toMatchObject({ status: "not_run" });
});

test("a check that failed in the target shows nothing, and is not said to be the lab's fault", () => {
  const checks = [
    { check: "a", category: "filesystem", from: "target", status: "failed", reason: "no time" } as const,
  ];
  const target = report("target", [row("a", "not-measured"), row("b", "denied")], { checks });
  expect(labWithinTarget(report("lab", [row("a:x", "reachable")]), target, [])).toEqual({
    status: "not_run",
    reason: "the target was not measured by a",
  });
  const lab = report("lab", [row("a:x", "reachable"), row("b", "reachable")]);
  expect(labWithinTarget(lab, target, [])).toMatchObject({ status: "refuted", rows: [{ id: "a:x" }, { id: "b" }] });
});

test("a check that the lab never planned shows nothing either", () => {
  const lab = report("lab", [row("b", "absent")]);
  expect(labWithinTarget(lab, report("target", [row("a", "absent"), row("b", "absent")]), [])).toMatchObject({
    status: "not_run",
    reason: expect.stringContaining("a"),
  });
});

test("a contradiction in the lab is never within anything", () => {
  const lab = report("lab", [row("a", "contradictory")]);
  expect(labWithinTarget(lab, report("target", [row("a", "reachable")]), []).status).toBe("refuted");
});

test("rows that the lab could not measure are named and nothing is claimed of them", () => {
  const lab = report("lab", [row("a:x", "not-measured"), row("a:y", "not-measured")]);
  const target = report("target", [row("a:x", "denied"), row("a:y", "reachable")]);
  expect(labWithinTarget(lab, target, [])).toMatchObject({ status: "held", unmeasured: ["a:x"] });
});

test("two targets are not a lab and a target", () => {
  const target = report("target", [row("a", "absent")]);
  expect(labWithinTarget(target, target, []).status).toBe("not_run");
});
