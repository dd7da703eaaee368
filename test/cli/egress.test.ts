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
  scheme: "https",
  method: "GET",
  path: "/x",
  queryKeys: [],
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
  void record.open(LINE);
  void record.open({
    ...LINE,
    flow: 1,
    authority: "api.osv.dev",
    verdict: "allow",
    reason: "rule",
    rule: "osv-query",
  });
  void record.open({
    ...LINE,
    flow: 2,
    method: "CONNECT",
    authority: "api.osv.dev:443",
    verdict: "allow",
    reason: "rule",
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
    credential: null,
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
    credential: null,
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
  [{ rule: "osv-query" }, 2],
  [{ rule: "osv-query", alpn: "h2" }, 1],
  [{ reason: "host-not-listed" }, 1],
  [{ reason: "ok" }, 2],
])("show takes a filter: %o", async (filter, flows) => {
  logOf("c1");
  const ran = await runVerb(verb, ["show"], { state, cycle: "c1", json: true, ...filter });
  expect(ran.json[0]).toMatchObject({ check: { status: "intact" }, flows: { length: flows } });
});

test("show tells what was turned away unread and which lists held, and with --json every field of every line", async () => {
  const path = egressLogPath(state, "c2");
  const record = startRecord(path, { cycle: "c2" }, systemClock);
  void record.open(LINE);
  const note = { policyHash: "p", sandbox: LINE.sandbox, reason: "too-many-requests", times: 7 };
  record.close({ event: "capped", ...note });
  record.close({ event: "policy", policyHash: "p", status: "kept", reason: "a key is misspelt" });
  record.close({ event: "policy", policyHash: "q", status: "changed", from: "p" });
  record.end();
  const ran = await runVerb(verb, ["show"], { state, cycle: "c2" });
  expect(ran.out.slice(1, 4)).toEqual([
    expect.stringMatching(/ capped +wd-c1-lab-1 {2}7 requests turned away unread {2}too-many-requests$/),
    expect.stringMatching(/ policy +lists that changed were not taken: a key is misspelt$/),
    expect.stringMatching(/ policy +other lists hold from here on$/),
  ]);
  const json = await runVerb(verb, ["show"], { state, cycle: "c2", json: true });
  const [line] = readFileSync(path, "utf8").split("\n");
  expect(json.json[0]).toMatchObject({ flows: [{ opened: JSON.parse(line ?? ""), closed: null }] });
});

test.each([
  [{ verdict: "deny" }, ["capped"]],
  [{ reason: "too-many-requests" }, ["capped"]],
  [{ verdict: "allow" }, []],
  [{ host: "a.example" }, []],
  [{}, ["capped", "policy"]],
])("what is no flow passes the filters that say something of it: %o", async (filter, events) => {
  const record = startRecord(egressLogPath(state, "c2"), { cycle: "c2" }, systemClock);
  const note = { policyHash: "p", sandbox: LINE.sandbox, reason: "too-many-requests", times: 7 };
  record.close({ event: "capped", ...note });
  record.close({ event: "policy", policyHash: "q", status: "changed", from: "p" });
  record.end();
  const ran = await runVerb(verb, ["show"], { state, cycle: "c2", json: true, ...filter });
  expect(ran.json[0]).toMatchObject({ notes: events.map((event) => ({ event })) });
});

test.each([
  ["a line that was cut off as it was written", '{"seq":5,"prev'],
  ["a line of something else", "no json\n"],
  ["a close of nothing that was opened", '{"event":"close","flow":99}\n'],
])("%s: what came before is shown, and the log is not trusted", async (_, tail) => {
  appendFileSync(logOf("c1"), tail);
  const ran = await runVerb(verb, ["show"], { state, cycle: "c1" });
  expect(ran.code).toBe(30);
  expect(ran.out).toHaveLength(4);
  expect(ran.out.at(-1)).toMatch(/^the log is not to be trusted: /);
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
  ["https://api.osv.dev/v1/query", { method: "post", "content-type": "application/json" }, /^allowed by osv-query/],
  [
    "https://api.osv.dev/v1/query",
    { method: "post", "content-type": "text/x-odd" },
    /^denied, content-type-not-listed: /,
  ],
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
