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
    asked: 3,
  });
});

test("a place with many different values is a parameter, one with few is not", () => {
  const many = Array.from({ length: 6 }, (_, i) => denied("a.example", `/p/${"abcdef"[i]}`));
  expect(proposeRules(many)[0]?.paths).toEqual(["/p/{id}"]);
  expect(proposeRules(many.slice(0, 5))[0]?.paths).toHaveLength(5);
});

test.each([
  ["a canary host", { reason: "canary-host" }],
  ["a fake on its way out", { reason: "fake-credential" }],
  ["a tunnel", { reason: "tunnel", method: "CONNECT" }],
  ["what was allowed", { verdict: "allow", reason: "rule" }],
  ["a method that no rule can name", { method: "TRACE" }],
] as const)("%s teaches nothing", (_, changes) => {
  expect(proposeRules([denied("a.example", "/x", changes)])).toEqual([]);
});

test.each(["a.example@b.example", "127.0.0.1", "[::1]", "0x7f.1", "a.example."])(
  "an authority that no rule can name teaches nothing: %s",
  (authority) => expect(proposeRules([denied(authority, "/x")])).toEqual([]),
);

test("a proposal does not load before a person has said why", () => {
  const list = parse(proposalYaml(proposeRules([denied("a.example", "/x")]))) as { rules: { why: string }[] };
  expect(Allowlist.safeParse(list).error?.issues.map(({ path }) => path.join("."))).toEqual(["rules.0.why"]);
  for (const rule of list.rules) rule.why = "because it is needed";
  expect(Allowlist.safeParse(list).success).toBe(true);
});
