import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostBaseline, hostFacts, withBaseline } from "../../src/probe/baseline.ts";
import { measure, parseProbe, requestOf } from "../../src/probe/probe.ts";
import { report, row } from "./sample.ts";

let directory = "";
let bundle = { node: process.execPath, probe: "" };

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-baseline-"));
  bundle = { ...bundle, probe: join(directory, "probe.mjs") };
  const entryPoints = [new URL("../../src/guest/probe/main.ts", import.meta.url).pathname];
  await build({
    entryPoints,
    outfile: bundle.probe,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const good = report("target", [row("a", "absent")]);

test.each([
  ["not JSON", "hello", "not JSON"],
  ["nothing", "", "not JSON"],
  ["another shape", JSON.stringify({ ...good, boundary: "magic" }), "another shape at boundary"],
  ["a key that nobody knows", JSON.stringify({ ...good, extra: 1 }), "another shape"],
  ["two reports", `${JSON.stringify(good)}\n${JSON.stringify(good)}`, "not JSON"],
  ["no rows", JSON.stringify({ ...good, observations: [] }), "no rows"],
  ["one id twice", JSON.stringify(report("target", [row("a", "absent"), row("a", "reachable")])), "one id twice"],
  ["rows from elsewhere", JSON.stringify({ ...good, from: "lab" }), "another place"],
  ["a flood", `"${"x".repeat(5 * 1024 * 1024)}"`, "longer"],
])("a guest that answers with %s is refused", (_, stdout, reason) => {
  expect(parseProbe(stdout)).toMatchObject({ status: "refused", reason: expect.stringContaining(reason) });
});

test("one report of the known shape is taken", () => {
  expect(parseProbe(`${JSON.stringify(good)}\n`)).toEqual({ status: "measured", report: good });
});

const answer = { code: 0, stdout: JSON.stringify(good), stderr: "", isTruncated: false, isTimedOut: false };
const request = requestOf({ vantage: "target" });

test.each([
  ["takes too long", { ...answer, isTimedOut: true }, "time"],
  ["says too much", { ...answer, isTruncated: true }, "longer"],
  ["dies", { ...answer, code: 9, stdout: "" }, "code 9"],
  ["claims another vantage", { ...answer, stdout: JSON.stringify(report("lab", [row("a", "absent")])) }, "lab"],
])("a probe that %s is refused", async (_, given, reason) => {
  expect(await measure(async () => given, request)).toMatchObject({
    status: "refused",
    reason: expect.stringContaining(reason),
  });
});

test("a probe that ended itself after its report is believed", async () => {
  expect((await measure(async () => ({ ...answer, code: null }), request)).status).toBe("measured");
});

test("the same probe runs on the host, in its namespaces, and connects to nothing", async () => {
  const { signal } = new AbortController();
  const baseline = await hostBaseline({ bundle, home: directory, workspace: directory, signal });
  if (baseline.status === "refused") throw new Error(baseline.reason);
  expect(baseline.report.from).toBe("host");
  const found = new Map(baseline.report.observations.map((row) => [row.id, row]));
  expect(found.get("namespace:mnt")?.verdict).toBe("reachable");
  expect(found.get("host-network-namespace")?.verdict).toBe("reachable");
  expect(baseline.report.observations.filter((row) => row.detail.startsWith("connected and closed"))).toEqual([]);
});

test("a stop ends the baseline", async () => {
  const signal = AbortSignal.abort(new Error("stopped"));
  await expect(hostBaseline({ bundle, home: "/", workspace: "/", signal })).rejects.toThrow("stopped");
});

test("the host's own facts are namespace numbers and a boot id", async () => {
  const facts = await hostFacts();
  expect(facts.namespaces["net"]).toMatch(/^\d+$/);
  expect(facts.bootId).toMatch(/^[0-9a-f-]{36}$/);
});

test.each([
  ["the host could", [row("a:x", "reachable")], "denied"],
  ["the host could not either", [row("a:x", "denied")], "not-measured"],
  ["the host has it not", [row("a:x", "absent")], "not-measured"],
  ["the host was not asked", [row("b", "absent")], "not-measured"],
])("a refused attempt, where %s, reads %s", (_, host, expected) => {
  const inside = report("target", [row("a:x", "denied", { control: "control:connect" })]);
  expect(withBaseline(inside, report("host", host)).observations[0]?.verdict).toBe(expected);
});

test("what a kernel's table says stands without the host", () => {
  const inside = report("target", [row("no-new-privs", "denied", { control: "control:kernel-table" })]);
  expect(withBaseline(inside, report("host", [row("no-new-privs", "denied")])).observations[0]?.verdict).toBe(
    "denied",
  );
});
