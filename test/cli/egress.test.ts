import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { verb } from "../../src/cli/egress.ts";
import { egressLogPath } from "../../src/egress/readLog.ts";
import { type OpenLine, startRecord } from "../../src/egress/record.ts";
import { runVerb } from "../support/io.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "wd-egress-"));
  mkdirSync(join(state, "egress"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const LINE: OpenLine = {
  event: "open",
  policyHash: "p",
  backend: "runsc",
  bodySha256: null,
  budgetLeft: null,
  credential: null,
  redactions: [],
  sandbox: "wd-c1-lab-1",
  role: "lab",
  flow: 0,
  authority: "a.example",
  method: "GET",
  path: "/x",
  host: null,
  port: null,
  verdict: "deny",
  reason: "host-not-listed",
  rule: null,
  pathTemplate: null,
  bytesUp: 0,
  mode: null,
  tunnel: null,
  stripped: [],
  sni: null,
  alpn: null,
  ech: null,
};

function logOf(cycle: string): string {
  const path = egressLogPath(state, cycle);
  const record = startRecord(path, { cycle }, systemClock);
  record.open(LINE);
  record.open({ ...LINE, flow: 1, authority: "api.osv.dev", verdict: "allow", reason: "rule", rule: "osv-query" });
  record.open({
    ...LINE,
    flow: 2,
    method: "CONNECT",
    authority: "api.osv.dev:443",
    verdict: "allow",
    rule: "osv-query",
  });
  record.close({
    event: "close",
    policyHash: "p",
    sandbox: LINE.sandbox,
    flow: 1,
    status: 200,
    closedBy: "answer",
    reason: "ok",
    resolved: [],
    dialed: null,
    bytesUp: 0,
    bytesDown: 12,
    dnsMs: null,
    connectMs: null,
    durationMs: 1,
    sni: null,
    alpn: null,
    ech: null,
  });
  record.close({
    event: "close",
    policyHash: "p",
    sandbox: LINE.sandbox,
    flow: 2,
    status: 200,
    closedBy: "answer",
    reason: "ok",
    resolved: [],
    dialed: null,
    bytesUp: 0,
    bytesDown: 12,
    dnsMs: null,
    connectMs: null,
    durationMs: 1,
    sni: "api.osv.dev,evil.example",
    alpn: "h2,http/1.1",
    ech: true,
  });
  record.end();
  return path;
}

test("show lists the flows of a cycle, says how each ended, and that the log is whole", async () => {
  logOf("c1");
  const ran = await runVerb(verb, ["show"], { state, cycle: "c1" });
  expect(ran.code).toBe(0);
  expect(ran.out[0]).toMatch(/deny +wd-c1-lab-1 {2}GET a\.example\/x {2}host-not-listed {2}0 B up, never closed$/);
  expect(ran.out[1]).toMatch(/allow +wd-c1-lab-1 .* osv-query {2}0 B up, 200 12 B down, answer$/);
  const greeted = /, greeted api\.osv\.dev,evil\.example by h2,http\/1\.1, encrypted$/;
  expect(ran.out[2]).toMatch(greeted);
  expect(ran.out[3]).toMatch(/^3 shown; the log is whole: 5 lines/);
});

test.each([
  [{ verdict: "allow" }, 2],
  [{ host: "A.EXAMPLE" }, 1],
  [{ sandbox: "wd-c1-target-1" }, 0],
  [{ sni: "EVIL.example" }, 1],
  [{ sni: "a.example" }, 0],
  [{ alpn: "h2" }, 1],
  [{ alpn: "http" }, 0],
  [{ ech: true }, 1],
])("show takes a filter: %o", async (filter, flows) => {
  logOf("c1");
  const ran = await runVerb(verb, ["show"], { state, cycle: "c1", json: true, ...filter });
  expect(ran.json[0]).toMatchObject({ check: { status: "intact" }, flows: { length: flows } });
});

test("a log that was changed is shown as one not to be trusted, with exit code 30", async () => {
  const path = logOf("c1");
  writeFileSync(path, readFileSync(path, "utf8").replace("a.example", "b.example"));
  const ran = await runVerb(verb, ["show"], { state, cycle: "c1" });
  expect(ran.code).toBe(30);
  expect(ran.out.at(-1)).toMatch(/^the log is not to be trusted: /);
});

test.each([
  ["https://api.osv.dev/v1/vulns/OSV-1", {}, /^allowed by osv-vulnerability/],
  ["https://api.osv.dev/v1/query", { method: "post" }, /^allowed by osv-query/],
  ["https://api.osv.dev/v1/vulns/OSV-1", {}, /in a tunnel, which is terminated: /],
  ["https://api.osv.dev/", { method: "connect" }, /^a tunnel that osv-vulnerability terminates: each request/],
  ["https://api.osv.dev:444/", { method: "connect" }, /^denied, port-not-listed: /],
  ["https://api.osv.dev/v1/query", { role: "target" }, /^denied, role-has-no-outside: /],
  ["https://evil.example/", {}, /^denied, host-not-listed: /],
  ["https://api.osv.dev@evil.example/", {}, /^denied, authority-userinfo: /],
  ["https://api.osv.dev/v1/%2e%2e/x", {}, /^denied, path-dot-escape: /],
  ["http://model.weakdoor.internal/v1/messages", {}, /^answered by the gateway itself: model/],
])("explain %s %o", async (url, values, said) => {
  const ran = await runVerb(verb, ["explain", url], values);
  expect(ran.code).toBe(0);
  expect(ran.out.join("\n")).toMatch(said);
});

test("explain tells of a spliced tunnel that nobody looks into it, and of a request that it needs one", async () => {
  const allowlist = join(state, "odd.yaml");
  const rule = "{ id: odd, host: odd.example, mode: splice, requestBytesMax: 9, responseBytesMax: 9, why: a test }";
  writeFileSync(allowlist, `version: 1\npurpose: odd\nrules: [${rule}]\n`);
  const tunnel = await runVerb(verb, ["explain", "https://odd.example/"], { allowlist, method: "CONNECT" });
  expect(tunnel.out.join("\n")).toMatch(/^a tunnel that odd splices: its bytes pass unseen/);
  const plain = await runVerb(verb, ["explain", "https://odd.example/"], { allowlist });
  expect(plain.out.join("\n")).toMatch(/^denied, tunnel-only: /);
});

test("learn prints rules that a person can complete", async () => {
  logOf("c1");
  const ran = await runVerb(verb, ["learn"], { state, cycle: "c1" });
  expect(ran.out.join("\n")).toContain("host: a.example");
  expect(ran.out.join("\n")).not.toContain("api.osv.dev");
});

test.each([
  ["no subcommand", [], {}, "needs show, explain or learn"],
  ["no URL", ["explain"], {}, "needs a whole URL"],
  ["half a URL", ["explain", "api.osv.dev"], {}, "needs a whole URL"],
  ["an unknown role", ["explain", "https://a.example/"], { role: "root" }, "there is no role root"],
  ["a cycle without a log", ["show"], { cycle: "c9" }, "cannot be read (ENOENT)"],
  ["a cycle that is a path", ["show"], { cycle: "../x" }, "is no id of a cycle"],
])("%s is one line and a hint", async (_, positionals, values, message) => {
  await expect(runVerb(verb, positionals, { state, ...values })).rejects.toMatchObject({
    name: "OperatorError",
    message: expect.stringContaining(message),
  });
});

test("a line that is none of a log's is named by its number", async () => {
  appendFileSync(logOf("c1"), "no json\n");
  await expect(runVerb(verb, ["learn"], { state, cycle: "c1" })).rejects.toThrow(/c1\.jsonl:6 is no line/);
});
