import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rule } from "../../src/egress/allowlist.ts";
import { decide, type EgressRequest, type Policy } from "../../src/egress/decide.ts";
import { FORM_FAULTS } from "../../src/egress/form.ts";
import { AUTHORITY_FAULTS } from "../../src/egress/grammar.ts";
import { PATH_FAULTS } from "../../src/egress/path.ts";
import { answerFor } from "../../src/egress/reasons.ts";

const rules = [
  { id: "vulns", host: "api.example", methods: ["GET"], paths: ["/v1/vulns/{id}"], query: ["page"] },
  {
    id: "query",
    host: "api.example",
    methods: ["POST"],
    paths: ["/v1/query"],
    requestBytesMax: 100,
    contentTypes: ["application/json"],
  },
  { id: "spliced", host: "spliced.example", mode: "splice", requestBytesMax: 100 },
  { id: "plain", host: "plain.example", scheme: "http", port: 80, methods: ["GET"], paths: ["/**"] },
].map((rule) => Rule.parse({ responseBytesMax: 1_000, why: "a test", ...rule }));

const API = { host: "api.example", port: 443 };
const policy: Policy = { isLatched: false, today: "2026-06-15", canaryHosts: ["canary.example"], rules };

function ask(over: Partial<EgressRequest>): EgressRequest {
  return { role: "lab", method: "GET", scheme: "https", authority: "api.example", path: "/v1/vulns/7", ...over };
}

describe("allowed is what a rule names, all of it", () => {
  test.each([
    [{}, "vulns", "/v1/vulns/{id}"],
    [{ authority: "api.example:443", scheme: "http" }, "vulns", "/v1/vulns/{id}"],
    [{ authority: "API.EXAMPLE" }, "vulns", "/v1/vulns/{id}"],
    [{ path: "/v1/vulns/7?page=2" }, "vulns", "/v1/vulns/{id}"],
    [{ method: "POST", path: "/v1/query" }, "query", "/v1/query"],
    [{ method: "POST", path: "/v1/query", contentType: "Application/JSON ; charset=utf-8" }, "query", "/v1/query"],
    [{ contentType: "text/plain" }, "vulns", "/v1/vulns/{id}"],
    [{ tunnel: API }, "vulns", "/v1/vulns/{id}"],
    [{ authority: "API.example:443", tunnel: API }, "vulns", "/v1/vulns/{id}"],
    [{ authority: "plain.example", scheme: "http", path: "/a/b" }, "plain", "/**"],
    [{ authority: "plain.example", scheme: undefined, path: "/a/b" }, "plain", "/**"],
  ])("%j by rule %s", (over, id, template) => {
    expect(decide(ask(over), policy)).toMatchObject({ verdict: "allow", reason: "rule", rule: { id }, template });
  });
});

test.each([
  ["api.example:443", "vulns", "terminate"],
  ["API.EXAMPLE:443", "vulns", "terminate"],
  ["spliced.example:443", "spliced", "splice"],
])("a tunnel to %s is let in by %s, to %s it", (authority, id, mode) => {
  const request = ask({ method: "CONNECT", scheme: undefined, path: undefined, authority });
  expect(decide(request, policy)).toMatchObject({ verdict: "tunnel", reason: "rule", rule: { id, mode } });
});

test("what one list would splice and another terminate is terminated", () => {
  const both = [...rules, ...rules.slice(0, 1).map((rule) => ({ ...rule, id: "t", host: "spliced.example" }))];
  const request = ask({ method: "CONNECT", path: undefined, authority: "spliced.example:443" });
  expect(decide(request, { ...policy, rules: both })).toMatchObject({ rule: { id: "t", mode: "terminate" } });
});

describe("ours, by role", () => {
  test.each([
    ["lab", "broker"],
    ["lab", "model"],
    ["lab", "source"],
    ["target", "broker"],
    ["scratch", "broker"],
  ] as const)("%s may ask the %s", (role, authority) => {
    const request = ask({ role, authority: `${authority}.weakdoor.internal`, scheme: "http", path: "/v1/hello" });
    expect(decide(request, policy)).toMatchObject({ verdict: "internal", authority, rule: null });
  });

  test.each([
    [{ role: "target", authority: "model.weakdoor.internal" }, "own-authority-role"],
    [{ role: "target", authority: "source.weakdoor.internal" }, "own-authority-role"],
    [{ role: "scratch", authority: "model.weakdoor.internal" }, "own-authority-role"],
    [{ authority: "other.weakdoor.internal" }, "own-authority-unknown"],
    [{ authority: "weakdoor.internal" }, "own-authority-unknown"],
    [{ authority: "x.broker.weakdoor.internal" }, "own-authority-unknown"],
    [{ authority: "broker.weakdoor.internal:81" }, "own-authority-port"],
    [{ authority: "broker.weakdoor.internal", scheme: "https" }, "own-authority-port"],
    [{ authority: "broker.weakdoor.internal:80", method: "CONNECT", path: undefined }, "tunnel"],
    [{ authority: "broker.weakdoor.internal", path: "/v1/../v1/hello" }, "path-dot-segment"],
    [{ authority: "broker.weakdoor.internal.", path: "/v1/hello" }, "authority-trailing-dot"],
  ] as const)("%j is denied: %s", (over, reason) => {
    expect(decide(ask({ scheme: "http", ...over }), policy)).toMatchObject({ verdict: "deny", reason });
  });
});

describe("denied, and why", () => {
  test.each([
    [{ role: "stranger" as "lab" }, "role-unknown"],
    [{ role: "constructor" as "lab" }, "role-unknown"],
    [{ role: "target" as const }, "role-has-no-outside"],
    [{ role: "scratch" as const }, "role-has-no-outside"],
    [{ authority: undefined }, "authority-missing"],
    [{ authority: "api.example@evil.example" }, "authority-userinfo"],
    [{ authority: "evil.example" }, "host-not-listed"],
    [{ authority: "x.api.example" }, "host-not-listed"],
    [{ authority: "api.example.evil.example" }, "host-not-listed"],
    [{ authority: "192.0.2.1" }, "host-not-listed"],
    [{ authority: "[2001:db8::1]" }, "host-not-listed"],
    [{ authority: "api.example:8443" }, "port-not-listed"],
    [{ scheme: "http" }, "port-not-listed"],
    [{ authority: "evil.example:443", method: "CONNECT", path: undefined }, "host-not-listed"],
    [{ authority: "api.example:8443", method: "CONNECT", path: undefined }, "port-not-listed"],
    [{ authority: "192.0.2.1:443", method: "CONNECT", path: undefined }, "host-not-listed"],
    [{ authority: "api.example", method: "CONNECT", path: undefined }, "authority-port"],
    [{ authority: "plain.example:80", method: "CONNECT", path: undefined }, "tunnel"],
    [{ authority: "api.example:443", method: "CONNECT", path: undefined, tunnel: API }, "tunnel"],
    [{ authority: "spliced.example" }, "tunnel-only"],
    [{ authority: "spliced.example", tunnel: { host: "spliced.example", port: 443 } }, "tunnel-only"],
    [{ authority: "plain.example", tunnel: API }, "inner-authority-differs"],
    [{ authority: "evil.example", tunnel: API }, "inner-authority-differs"],
    [{ authority: "api.example:8443", tunnel: API }, "inner-authority-differs"],
    [{ authority: "broker.weakdoor.internal:443", tunnel: API }, "inner-authority-differs"],
    [{ scheme: "http", authority: "api.example:443", tunnel: API }, "inner-scheme"],
    [{ form: "form-hosts" as const }, "form-hosts"],
    [{ method: "POST", path: "/v1/query", contentType: "text/plain" }, "content-type-not-listed"],
    [{ method: "POST", path: "/v1/query", contentType: "application/json, text/plain" }, "content-type-not-listed"],
    [{ method: "DELETE" }, "method-not-listed"],
    [{ method: "get" }, "method-not-listed"],
    [{ method: "" }, "method-not-listed"],
    [{ path: "/v1/vulns/%2e%2e" }, "path-dot-escape"],
    [{ path: "/v1/vulns/a%2fb" }, "path-slash-escape"],
    [{ path: "/v1/vulns/a%252fb" }, "path-double-escape"],
    [{ path: "/v1/vulns/../query" }, "path-dot-segment"],
    [{ path: "/v1/vulns/a\\b" }, "path-backslash"],
    [{ path: "/v1/vulns/a%00" }, "path-control-escape"],
    [{ path: "/v1/vulns" }, "path-not-listed"],
    [{ path: "/v1/query" }, "path-not-listed"],
    [{ path: "/v1/vulns/7?page=1&q=x" }, "query-not-listed"],
    [{ method: "POST", path: "/v1/query?x=1" }, "query-not-listed"],
  ])("%j: %s", (over, reason) => {
    expect(decide(ask(over), policy)).toMatchObject({ verdict: "deny", reason, rule: null });
  });

  test("the latch comes first, before everything and for everyone", () => {
    const latched = { ...policy, isLatched: true };
    for (const over of [{}, { authority: "broker.weakdoor.internal" }, { authority: "" }, { role: "x" as "lab" }]) {
      expect(decide(ask(over), latched)).toMatchObject({ verdict: "deny", reason: "latched" });
    }
  });
});

describe("a canary host is denied and named", () => {
  test.each([
    [{ authority: "canary.example" }, "canary-host"],
    [{ authority: "Canary.Example:8443" }, "canary-host"],
    [{ authority: "data-in-a-name.canary.example" }, "canary-host"],
    [{ authority: "canary.example:443", method: "CONNECT", path: undefined }, "canary-host"],
    [{ authority: "canary.example", role: "target" as const }, "canary-host"],
    [{ authority: "canary.example.", role: "scratch" as const }, "authority-trailing-dot"],
    [{ authority: "x@canary.example" }, "authority-userinfo"],
  ])("%j", (over, reason) => {
    expect(decide(ask(over), policy)).toMatchObject({ verdict: "deny", reason, canaryHost: "canary.example" });
  });

  test("a name that only looks like it is not", () => {
    for (const authority of ["notcanary.example", "canary.example.net", "api.example"]) {
      expect(decide(ask({ authority }), policy)).not.toHaveProperty("canaryHost", "canary.example");
    }
  });
});

test("no request whatever is allowed that does not fit its rule in every part (2,000 cases)", () => {
  const authority = fc.oneof(
    fc.constantFrom("api.example", "plain.example", "api.example:443", "evil.example"),
    fc.string(),
  );
  const path = fc.oneof(
    fc.constantFrom("/v1/vulns/7", "/v1/query", "/v1/vulns/../x", "/a%2fb", "/v1/vulns/7?page=1", "/v1/vulns/7?z"),
    fc.string().map((text) => `/${text}`),
  );
  const role = fc.constantFrom("lab", "target", "scratch", "x");
  const method = fc.constantFrom("GET", "POST", "CONNECT", "PUT", "get");
  fc.assert(
    fc.property(role, method, authority, path, (role, method, authority, path) => {
      const request = { role: role as "lab", method, scheme: "https", authority, path };
      const decision = decide(request, policy);
      if (decision.verdict === "deny") return;
      if (decision.verdict === "internal") return;
      expect(["api.example", "plain.example"]).toContain(decision.rule.host);
      if (decision.verdict === "tunnel") return;
      expect(role).toBe("lab");
      expect(["api.example", "plain.example"]).toContain(authority.toLowerCase().replace(/:\d+$/, ""));
      expect(decision.rule.methods).toContain(method);
      expect(new URL(`https://h.example${path}`).pathname).toBe(decision.target.path);
    }),
    { numRuns: 2_000 },
  );
});

test("the sentence for a denial says nothing of the policy", () => {
  const reasons = [
    ...AUTHORITY_FAULTS,
    ...PATH_FAULTS,
    ...FORM_FAULTS,
    "canary-host",
    "host-not-listed",
    "port-not-listed",
    "latched",
  ] as const;
  const asked = ["path-not-listed", "query-not-listed", "method-not-listed", "content-type-not-listed"] as const;
  const tunnels = ["tunnel", "tunnel-only", "inner-authority-differs", "inner-scheme"] as const;
  for (const reason of [...reasons, ...asked, ...tunnels]) {
    const { status, sentence } = answerFor(reason);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(sentence, reason).not.toBe("this may not be reached from here");
    expect(sentence).toMatch(/^[a-z][a-z ,:]+$/);
    expect(sentence).not.toMatch(/canary|rule|list/);
  }
  expect(answerFor("canary-host")).toEqual(answerFor("host-not-listed"));
});
