import { expect, test } from "vitest";
import { parse } from "yaml";
import { Allowlist } from "../../src/egress/allowlist.ts";
import { proposalYaml, proposeRules } from "../../src/egress/learn.ts";
import type { Flow } from "../../src/egress/readLog.ts";

function denied(authority: string, path: string, changes: Partial<Flow["opened"]> = {}): Flow {
  const opened: Flow["opened"] = {
    event: "open",
    ts: "2026-01-01T00:00:00.000Z",
    cycle: "c",
    sandbox: "wd-c-lab-1",
    role: "lab",
    flow: 0,
    authority,
    method: "GET",
    path,
    host: null,
    port: null,
    verdict: "deny",
    reason: "host-not-listed",
    rule: null,
    bytesUp: 0,
    sni: null,
    alpn: null,
    ech: null,
    ...changes,
  };
  return { opened, closed: null };
}

test("what was asked for and denied becomes one rule a host and port, ids in paths as parameters", () => {
  const [rule, ...others] = proposeRules([
    denied("api.example", "/v1/items/7"),
    denied("API.example:443", "/v1/items/123"),
    denied("api.example", "/v1/health", { method: "HEAD" }),
  ]);
  expect(others).toEqual([]);
  expect(rule).toEqual({
    id: "api-example",
    host: "api.example",
    port: 443,
    methods: ["GET", "HEAD"],
    paths: ["/v1/health", "/v1/items/{id}"],
    why: "",
    knows: "requests",
    asked: 3,
  });
});

test("a tunnel that was denied teaches its host and port, and that no more is known", () => {
  const tunnel = { method: "CONNECT", path: "" };
  const proposals = proposeRules([
    denied("API.example:443", "", tunnel),
    denied("api.example:443", "", tunnel),
    denied("api.example:8443", "", { ...tunnel, reason: "port-not-listed" }),
  ]);
  expect(proposals).toMatchObject([
    { id: "api-example", host: "api.example", port: 443, methods: [], paths: [], knows: "host", asked: 2 },
    { id: "api-example-8443", port: 8443, knows: "host", asked: 1 },
  ]);
  const yaml = proposalYaml(proposals);
  expect(yaml.match(/^ *# Only the host is known: /gm)).toHaveLength(2);
  const list = parse(yaml) as { rules: { why: string; methods: string[]; paths: string[] }[] };
  for (const rule of list.rules) rule.why = "because it is needed";
  const issues = Allowlist.safeParse(list).error?.issues.map(({ path }) => path.join("."));
  expect(issues).toEqual(["rules.0.methods", "rules.0.paths", "rules.1.methods", "rules.1.paths"]);
  for (const rule of list.rules) Object.assign(rule, { methods: ["GET"], paths: ["/x"] });
  expect(Allowlist.safeParse(list).success).toBe(true);
});

test("where requests were denied beside a tunnel, they say what the rule is for", () => {
  const flows = [denied("api.example:443", "", { method: "CONNECT", path: "" }), denied("api.example", "/x")];
  for (const order of [flows, flows.toReversed()]) {
    expect(proposeRules(order)).toMatchObject([{ methods: ["GET"], paths: ["/x"], knows: "requests", asked: 2 }]);
  }
  expect(proposalYaml(proposeRules(flows))).not.toContain("Only the host");
});

test("a place with many different values is a parameter, one with few is not", () => {
  const many = Array.from({ length: 6 }, (_, i) => denied("a.example", `/p/${"abcdef"[i]}`));
  expect(proposeRules(many)[0]?.paths).toEqual(["/p/{id}"]);
  expect(proposeRules(many.slice(0, 5))[0]?.paths).toHaveLength(5);
});

test.each([
  ["a canary host", { reason: "canary-host" }],
  ["a fake on its way out", { reason: "fake-credential" }],
  ["a tunnel to what has no TLS", { reason: "tunnel", method: "CONNECT" }],
  ["a tunnel to a canary host", { reason: "canary-host", method: "CONNECT" }],
  ["a tunnel whose rule has expired", { reason: "rule-expired", method: "CONNECT" }],
  ["what was allowed", { verdict: "allow", reason: "rule" }],
  ["a method that no rule can name", { method: "TRACE" }],
] as const)("%s teaches nothing", (_, changes) => {
  expect(proposeRules([denied("a.example", "/x", changes)])).toEqual([]);
});

test.each(["a.example@b.example", "127.0.0.1", "[::1]", "0x7f.1", "a.example."])(
  "an authority that no rule can name teaches nothing: %s",
  (authority) => {
    expect(proposeRules([denied(authority, "/x")])).toEqual([]);
    expect(proposeRules([denied(`${authority}:443`, "", { method: "CONNECT" })])).toEqual([]);
  },
);

test("a proposal does not load before a person has said why", () => {
  const list = parse(proposalYaml(proposeRules([denied("a.example", "/x")]))) as { rules: { why: string }[] };
  expect(Allowlist.safeParse(list).error?.issues.map(({ path }) => path.join("."))).toEqual(["rules.0.why"]);
  for (const rule of list.rules) rule.why = "because it is needed";
  expect(Allowlist.safeParse(list).success).toBe(true);
});
