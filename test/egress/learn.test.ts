import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { Allowlist } from "../../src/egress/allowlist.ts";
import { type Decision, decide, type EgressRequest } from "../../src/egress/decide.ts";
import { proposalYaml, proposeRules } from "../../src/egress/learn.ts";
import { parseTarget } from "../../src/egress/path.ts";
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
    scheme: "https",
    method: "GET",
    path,
    queryKeys: [],
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
    scheme: "https",
    methods: ["GET", "HEAD"],
    paths: ["/v1/health", "/v1/items/{id}"],
    pathsLeftOut: 0,
    query: [],
    requestBytesMax: 0,
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

/** As a person accepts it who changes nothing, but says why. */
function accepted(flows: readonly Flow[]): Allowlist {
  const list = parse(proposalYaml(proposeRules(flows))) as { rules: { why: string }[] };
  for (const rule of list.rules) rule.why = "because it is needed";
  return Allowlist.parse(list);
}

type Ask = Pick<EgressRequest, "scheme" | "method" | "authority" | "path">;

const decided = (ask: Ask, { rules }: Pick<Allowlist, "rules">): Decision =>
  decide({ role: "lab", ...ask }, { isLatched: false, today: "2026-01-01", canaryHosts: [], rules });

/** The line that the gateway writes of a request that nothing allows. */
function flowOf(ask: Ask, bytesUp: number): Flow | undefined {
  const decision = decided(ask, { rules: [] });
  if (decision.verdict !== "deny") return undefined;
  const [path = ""] = (ask.path ?? "").split("?");
  const target = parseTarget(ask.path);
  const queryKeys = target.status === "ok" ? [...new Set(target.queryKeys)] : [];
  const scheme = ask.scheme === "http" ? "http" : "https";
  return denied(ask.authority ?? "", path, {
    method: ask.method,
    scheme,
    queryKeys,
    bytesUp,
    reason: decision.reason,
  });
}

const asks = fc.record({
  scheme: fc.constantFrom("http", "https"),
  method: fc.constantFrom("GET", "HEAD", "POST", "PUT"),
  authority: fc
    .tuple(fc.constantFrom("a.example", "b.example", "B.example"), fc.constantFrom("", ":80", ":443", ":8443"))
    .map((parts) => parts.join("")),
  path: fc
    .tuple(
      fc.array(
        fc.oneof(
          fc.constantFrom("v1", "@scope", "a:b", "{id}", "**", "caf%C3%A9", "7", "deadbeef01", ""),
          fc.stringMatching(/^[a-z]{1,3}$/),
        ),
        { maxLength: 4 },
      ),
      fc.array(fc.constantFrom("q=1", "page", "filter[x]=2"), { maxLength: 3 }),
    )
    .map(([segments, query]) => `/${segments.join("/")}${query.length === 0 ? "" : `?${query.join("&")}`}`),
});

test("what is learnt from denials, accepted as it is, lets through what was denied, as long as it was", () => {
  let learnt = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(asks, fc.nat({ max: 300_000 })), { minLength: 1, maxLength: 20 }), (asked) => {
      const known = asked.flatMap(([ask, bytes]) => {
        const flow = flowOf(ask, ask.method === "GET" ? 0 : bytes);
        // What is written in no form that is taken cannot be learnt.
        return flow?.opened.reason === "host-not-listed" && parseTarget(ask.path).status === "ok"
          ? [{ ask, flow }]
          : [];
      });
      if (known.length === 0) return;
      const list = accepted(known.map(({ flow }) => flow));
      for (const { ask, flow } of known) {
        const decision = decided(ask, list);
        expect(decision).toMatchObject({ verdict: "allow" });
        expect(decision.rule?.requestBytesMax).toBeGreaterThanOrEqual(flow.opened.bytesUp);
        learnt++;
      }
    }),
    { numRuns: 1_000 },
  );
  expect(learnt).toBeGreaterThan(1_000);
});

test("what nobody asked for stays denied by what was learnt", () => {
  const list = accepted([denied("a.example", "/v1/x", { queryKeys: ["q"] })]);
  const ask = { scheme: "https", method: "GET", authority: "a.example", path: "/v1/x?q=1" };
  expect(decided(ask, list).verdict).toBe("allow");
  for (const change of [
    { scheme: "http" },
    { method: "POST" },
    { authority: "b.example" },
    { path: "/v1/y" },
    { path: "/v1/x?page=1" },
  ])
    expect(decided({ ...ask, ...change }, list).verdict).toBe("deny");
});

test("plain HTTP teaches the port and scheme that it was asked for by; where TLS was spoken too, TLS", () => {
  const plain = { scheme: "http" } as const;
  expect(proposeRules([denied("a.example", "/x", plain)])).toMatchObject([{ port: 80, scheme: "http" }]);
  expect(proposeRules([denied("a.example:443", "/x", plain)])).toMatchObject([{ port: 443, scheme: "https" }]);
  const both = [denied("a.example:8080", "/x", plain), denied("a.example:8080", "/x")];
  for (const order of [both, both.toReversed()]) expect(proposeRules(order)).toMatchObject([{ scheme: "https" }]);
});

test("more than a list can hold is left out and said, the most asked for first, and what is left loads", () => {
  const hosts = Array.from({ length: 1_200 }, (_, i) => denied(`h${i}.example`, "/x"));
  const often = Array.from({ length: 3 }, () => denied("often.example", "/x"));
  const yaml = proposalYaml(proposeRules([...hosts, ...often]));
  expect(yaml).toContain("# 201 more hosts were asked for, less often");
  const { rules } = accepted([...hosts, ...often]);
  expect(rules).toHaveLength(1_000);
  expect(rules[0]?.host).toBe("often.example");
  const paths = Array.from({ length: 150 }, (_, i) => denied("a.example", `/${"a/".repeat(i)}x`));
  const [proposal] = proposeRules(paths);
  expect(proposal).toMatchObject({ paths: { length: 100 }, pathsLeftOut: 50 });
  expect(proposalYaml(proposeRules(paths))).toContain("# 50 more paths were asked for than a rule can name.");
});

test("long names that are cut to the same id get ids of their own", () => {
  const label = "a".repeat(60);
  const { rules } = accepted([denied(`${label}.one.example`, "/x"), denied(`${label}.two.example`, "/x")]);
  expect(new Set(rules.map(({ id }) => id)).size).toBe(2);
});
