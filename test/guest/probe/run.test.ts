import { expect, test } from "vitest";
import type { ProbeReport } from "../../../src/guest/observation.ts";
import { ProbeReport as Shape } from "../../../src/guest/observation.ts";
import { CHECKS } from "../../../src/guest/probe/all.ts";
import { type Ground, kernel } from "../../../src/guest/probe/ground.ts";
import type { Check, Row } from "../../../src/guest/probe/probe.ts";
import { type ProbeRequest, parseRequest } from "../../../src/guest/probe/request.ts";
import { absent, CONTROL, denied, instance, named, reachable } from "../../../src/guest/probe/row.ts";
import { runProbe } from "../../../src/guest/probe/run.ts";

const request: ProbeRequest = parseRequest('{"vantage":"target"}');

function check(id: string, run: Check["run"]): Check {
  return { id, category: "filesystem", why: "w", misses: "m", source: "s", run };
}

async function probed(
  check: Check,
  options: { request?: Partial<ProbeRequest>; ground?: Ground } = {},
): Promise<ProbeReport> {
  const ground = options.ground ?? kernel;
  const answer = await runProbe({
    request: { ...request, ...options.request },
    environment: {},
    checks: [check],
    ground,
  });
  return answer.report;
}

const rows = (...list: Row[]) => check("sample", async () => ({ rows: list }));
const last = (report: ProbeReport) => report.observations.at(-1);

test("a check that throws leaves a row and a coverage line, and the words of the error stay inside", async () => {
  const report = await probed(check("sample", () => Promise.reject(new RangeError("the value of a secret"))));
  expect(last(report)).toMatchObject({ id: "sample", verdict: "not-measured" });
  expect(report.checks.at(-1)).toMatchObject({ check: "sample", status: "failed", reason: "threw RangeError" });
  expect(JSON.stringify(report)).not.toContain("the value of a secret");
});

test("a check that finds nothing at all has failed", async () => {
  const report = await probed(rows());
  expect(last(report)).toMatchObject({ id: "sample", verdict: "not-measured" });
  expect(report.checks.at(-1)?.status).toBe("failed");
});

test("a check that never answers is given up, and the process is told that it hangs", async () => {
  const never = check("sample", () => new Promise(() => undefined));
  const answer = await runProbe({ request, environment: {}, checks: [never] });
  expect(answer.isHanging).toBe(true);
  expect(answer.report.checks.at(-1)).toMatchObject({ status: "failed" });
});

test("checks that the probe's time does not reach are skipped by name", async () => {
  let clockMs = 0;
  const answer = await runProbe({
    request,
    environment: {},
    checks: [rows(absent("sample", "s", "d"))],
    nowMs: () => (clockMs += 6_000),
  });
  expect(answer.report.checks.at(-1)).toMatchObject({ check: "sample", status: "skipped" });
  expect(last(answer.report)?.verdict).toBe("not-measured");
});

test("more rows than allowed are cut, and the check reads degraded", async () => {
  const many = Array.from({ length: 400 }, (_, n) => absent(`sample:n${n}`, "s", "d"));
  const report = await probed(rows(...many));
  expect(report.observations.filter((row) => row.id.startsWith("sample:"))).toHaveLength(300);
  expect(report.checks.at(-1)?.status).toBe("degraded");
});

test("a denial counts with its control, and is not measured when the control did not work", async () => {
  const refusal = rows(denied("sample", "s", CONTROL.list, "EACCES"));
  expect(last(await probed(refusal))).toMatchObject({ verdict: "denied", control: CONTROL.list });
  const blind: Ground = { ...kernel, list: async () => ({ status: "refused", errno: "EACCES" }) };
  const report = await probed(refusal, { ground: blind });
  expect(last(report)).toMatchObject({ verdict: "not-measured" });
  expect(last(report)?.control).toBeUndefined();
});

test("a stand-in of ours reads decoy-reached, and our machinery is set apart", async () => {
  const open = rows(reachable("sample:/x", "s", ["connect"], "d", "/x"));
  expect(last(await probed(open, { request: { standIns: ["/x"] } }))?.verdict).toBe("decoy-reached");
  expect(last(await probed(open, { request: { ours: ["/x"] } }))?.id).toBe("own:sample:/x");
  expect(last(await probed(open))).toMatchObject({ id: "sample:/x", verdict: "reachable" });
});

test("of two rows with one id the one that says more stays", async () => {
  const report = await probed(rows(absent("sample", "s", "d"), reachable("sample", "s", ["read"], "d")));
  expect(report.observations.filter((row) => row.id === "sample")).toHaveLength(1);
  expect(last(report)?.verdict).toBe("reachable");
});

test("names chosen by whoever is inside are printed as one line of plain characters", async () => {
  const report = await probed(
    rows(reachable(`sample:${named("/tmp/a b\n\u202e")}`, "a\u001b[31m", ["read"], "x\ny")),
  );
  expect(Shape.safeParse(report).success).toBe(true);
  expect(last(report)).toMatchObject({ subject: "a?[31m", detail: "x?y" });
});

test.each([
  ["/run/containerd/s/0123456789abcdef0123", "/run/containerd/s/<hex>"],
  ["/tmp/ssh-XXabcd12EFgh/agent.4711", "/tmp/ssh-<random>/agent.<n>"],
  ["/tmp/vscode-ipc-8c1c9a3e-1111-2222-3333-444455556666.sock", "/tmp/vscode-ipc-<uuid>.sock"],
  ["/srv/tool/odd.sock", "/srv/tool/odd.sock"],
  ["/run/my-socket.sock", "/run/my-socket.sock"],
])("the instance of %s holds nothing that changes from run to run", (name, expected) => {
  expect(instance(name)).toBe(expected);
});

test("a long name becomes a short one that still tells it apart", () => {
  const [one, other] = [named(`/${"a".repeat(300)}1`), named(`/${"a".repeat(300)}2`)];
  expect(one.length).toBeLessThanOrEqual(200);
  expect(one).not.toBe(other);
});

test.each([
  ["{}", "vantage"],
  ['{"vantage":"lab","home":7}', "home"],
  ['{"vantage":"lab","standIns":"x"}', "standIns"],
  ['{"vantage":"lab","seccompExpected":"some"}', "seccompExpected"],
  ["[]", "request"],
])("the request %s is refused and the key is named", (text, key) => {
  expect(() => parseRequest(text)).toThrow(key);
});

test("every check has an id of its own, and says why, what it misses, and by whose word", () => {
  const ids = CHECKS.map((check) => check.id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThanOrEqual(40);
  expect(CHECKS.filter((check) => check.why === "" || check.misses === "" || check.source === "")).toEqual([]);
});
