import { isIPv6 } from "node:net";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Rule } from "../../../src/egress/allowlist.ts";
import { type Decision, decide, type EgressRequest, type Policy } from "../../../src/egress/decide.ts";
import { parseAuthority } from "../../../src/egress/grammar.ts";
import { parseTarget } from "../../../src/egress/path.ts";

/** 100,000 cases in all: every reader of what is asked, held against another reader that was written by somebody else. */
const AUTHORITIES = 35_000;
const REQUESTS = 30_000;
const HOSTS = 15_000;
const TARGETS = 20_000;

const RULES = [
  {
    id: "get",
    host: "api.example",
    methods: ["GET"],
    paths: ["/v1/{id}", "/v1/{id}/files/**"],
    query: ["q", "page"],
  },
  {
    id: "post",
    host: "api.example",
    methods: ["POST"],
    paths: ["/v1/query"],
    contentTypes: ["application/json"],
    requestBytesMax: 9,
  },
  { id: "plain", host: "plain.example", port: 80, scheme: "http", methods: ["GET", "HEAD"], paths: ["/**"] },
  { id: "odd", host: "a-b.c1.example", port: 8443, methods: ["PUT"], paths: ["/"] },
  { id: "spliced", host: "spliced.example", mode: "splice", requestBytesMax: 9 },
].map((rule) => Rule.parse({ responseBytesMax: 1_000, why: "a test", ...rule }));
const HOST_NAMES = [...new Set(RULES.map(({ host }) => host))];
const policy: Policy = { isLatched: false, today: "2026-06-15", canaryHosts: ["canary.example"], rules: RULES };

/** What parsers fall over: of every place in a URL, of other scripts, of terminals, of numbers. */
const NASTY = Array.from(
  "@:/\\?#[]%.-_~!$&'()*+,;=|^`{}<>\"\0\t\n\r \u007f\u00ad\u200b\u202e。．①ａßKſ0179xXaAeE\ud83d\ude00",
);
const nasty = fc.oneof(
  fc.constantFrom(...NASTY, "%2e", "%00", "%2f", "%40", "xn--", "..", "0x", "::"),
  fc.string({ maxLength: 3 }),
);

/** A text in which something was put in, taken out or replaced. */
const bent = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(texts, fc.array(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 2 }), nasty), { maxLength: 3 }))
    .map(([text, changes]) =>
      changes.reduce((now, [at, cut, put]) => {
        const place = at % (now.length + 1);
        return now.slice(0, place) + put + now.slice(place + cut);
      }, text),
    );
const port = fc.constantFrom("", ":443", ":80", ":8443", ":0", ":0443", ":65536", ":", ":+80", ":4 43");
const host = fc.constantFrom(
  ...HOST_NAMES,
  "evil.example",
  "API.Example",
  "192.0.2.1",
  "[2001:db8::1]",
  "xn--bcher-kva.example",
);
const authority = fc.oneof(
  { weight: 6, arbitrary: bent(fc.tuple(host, port).map(([name, rest]) => name + rest)) },
  { weight: 1, arbitrary: fc.tuple(host, nasty, host, port).map((parts) => parts.join("")) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.domain(),
      fc.ipV4Extended(),
      fc.ipV6().map((one) => `[${one}]`),
      fc.string(),
    ),
  },
);

test(`an authority that is taken is one that a URL parser and a plain split read alike, and stays what it is (${AUTHORITIES} cases)`, () => {
  fc.assert(
    fc.property(authority, (raw) => {
      const parsed = parseAuthority(raw);
      if (parsed.status === "refused") return;
      const url = new URL(`http://${raw}/`);
      const [, bracketed] = /^\[([^\]]*)\]/.exec(raw.toLowerCase()) ?? [];
      const split = bracketed ?? raw.toLowerCase().split(":")[0];
      expect(parsed.host).toBe(split);
      expect([url.username, url.password, url.pathname, url.search, url.hash]).toEqual(["", "", "/", "", ""]);
      expect(Number(url.port || 80)).toBe(parsed.port ?? 80);
      const name = isIPv6(parsed.host) ? `[${parsed.host}]` : parsed.host;
      // A URL parser shortens an IPv6 address; of a name and an IPv4 address it must change nothing.
      expect(url.hostname).toBe(isIPv6(parsed.host) ? new URL(`http://${name}/`).hostname : name);
      expect(parseAuthority(parsed.port === null ? name : `${name}:${parsed.port}`)).toEqual(parsed);
    }),
    { numRuns: AUTHORITIES },
  );
});

const path = bent(
  fc.constantFrom(
    "/v1/7",
    "/v1/query",
    "/v1/7/files/a/b",
    "/",
    "/v1/7?q=1",
    "/v1/7?q=1&page=2",
    "/v1/../admin",
    "/admin?q",
  ),
);
const odd: fc.Arbitrary<EgressRequest> = fc.record({
  role: fc.constantFrom("lab" as const, "target" as const, "scratch" as const),
  method: fc.oneof(fc.constantFrom("GET", "POST", "HEAD", "PUT", "CONNECT", "get", "TRACE", "GET "), nasty),
  scheme: fc.constantFrom("https", "http", undefined, "ftp"),
  authority: fc.oneof(authority, fc.constantFrom(undefined, "broker.weakdoor.internal", "x.canary.example")),
  path: fc.option(path, { nil: undefined }),
  contentType: fc.constantFrom("application/json", "Application/JSON; x=y", "text/plain", "", "application/jsonp"),
  tunnel: fc.option(
    fc.record({ host: fc.constantFrom(...HOST_NAMES, "evil.example"), port: fc.constantFrom(443, 80, 8443) }),
    { nil: undefined },
  ),
});
const LAB = { role: "lab", method: "GET", scheme: "https", authority: "api.example", path: "/v1/7" } as const;
const RIGHT: readonly EgressRequest[] = [
  LAB,
  { ...LAB, path: "/v1/7?q=1&page=2" },
  { ...LAB, path: "/v1/7/files/a/b", tunnel: { host: "api.example", port: 443 } },
  { ...LAB, method: "POST", path: "/v1/query", contentType: "application/json" },
  { ...LAB, scheme: "http", authority: "plain.example:80", path: "/a/b" },
  { ...LAB, method: "PUT", authority: "a-b.c1.example:8443", path: "/" },
  { ...LAB, method: "CONNECT", scheme: undefined, authority: "api.example:443", path: undefined },
  { ...LAB, method: "CONNECT", scheme: undefined, authority: "spliced.example:443", path: undefined },
  { ...LAB, scheme: "http", authority: "broker.weakdoor.internal", path: "/v1/hello" },
];
/** Right but for at most two parts, so that each guard is met alone, and many pass. */
const request = fc
  .tuple(
    fc.constantFrom(...RIGHT),
    odd,
    fc.subarray(["role", "method", "scheme", "authority", "path", "contentType", "tunnel"] as const, {
      maxLength: 2,
    }),
  )
  .map(([right, from, parts]): EgressRequest => {
    return { ...right, ...Object.fromEntries(parts.map((part) => [part, from[part]])) };
  });

test(`what is allowed is what one rule names in every part, whoever reads it (${REQUESTS} cases)`, () => {
  const verdicts = { allow: 0, tunnel: 0, internal: 0, deny: 0 } satisfies Record<Decision["verdict"], number>;
  fc.assert(
    fc.property(request, (asked) => {
      const decision = decide(asked, policy);
      verdicts[decision.verdict]++;
      expect(decide(asked, { ...policy, isLatched: true }).verdict).toBe("deny");
      expect(decision.verdict === "allow" || decision.verdict === "tunnel" ? wrongIn(asked, decision) : []).toEqual(
        [],
      );
    }),
    { numRuns: REQUESTS },
  );
  // Else nothing was held against anything.
  for (const count of Object.values(verdicts)) expect(count).toBeGreaterThan(REQUESTS / 100);
});

/** Which parts of what was let through its rule does not name. */
function wrongIn(asked: EgressRequest, decision: Extract<Decision, { verdict: "allow" | "tunnel" }>): string[] {
  const { rule, verdict } = decision;
  const isTls = asked.scheme === "https" || asked.method === "CONNECT";
  const url = new URL(`${isTls ? "https" : "http"}://${asked.authority}/`);
  const isPlace = url.hostname === rule.host && Number(url.port || (isTls ? 443 : 80)) === rule.port;
  const tunnel = asked.tunnel ?? { host: rule.host, port: rule.port };
  const held: [string, boolean][] = [
    ["role", asked.role === "lab"],
    ["place", isPlace],
    ["tunnel", tunnel.host === rule.host && tunnel.port === rule.port],
  ];
  if (verdict === "tunnel") {
    held.push(["method", asked.method === "CONNECT"], ["nested", asked.tunnel === undefined]);
    held.push(["scheme", rule.scheme === "https"]);
  } else {
    const target = new URL(`http://host${asked.path}`);
    const type = asked.contentType ?? "application/json";
    held.push(["mode", rule.mode === "terminate"], ["method", (rule.methods as string[]).includes(asked.method)]);
    held.push(["path", rule.paths.some((template) => patternOf(template).test(target.pathname))]);
    held.push(["query", [...target.searchParams.keys()].every((key) => rule.query.includes(key))]);
    held.push(["type", rule.contentTypes === undefined || /^application\/json\s*(?:;|$)/i.test(type)]);
  }
  return held.filter(([, isHeld]) => !isHeld).map(([part]) => part);
}

/** A rule's template as a regular expression, in which another reader would write it. */
function patternOf(template: string): RegExp {
  const escaped = template.replace(/[.~-]/g, "\\$&").replace(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${escaped.replace(/\*\*$/, "[^/].*|^" + escaped.replace(/\*\*$/, "[^/]+"))}$`);
}

test(`no character put into another host's name makes it an allowed one's (${HOSTS} cases)`, () => {
  const other = fc.oneof(
    fc
      .tuple(fc.constantFrom("evil.example", "apiaexample", "192.0.2.1", "2130706433"), host)
      .map((parts) => parts.join("")),
    fc
      .tuple(host, fc.constantFrom(".evil.example", "x", "@evil.example", "%00.evil.example", "#evil"))
      .map((parts) => parts.join("")),
    fc.tuple(fc.constantFrom("x", "a.", "evil@", "evil#", "-"), host).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(bent(other), port, fc.constantFrom("GET", "CONNECT"), (name, rest, method) => {
      const raw = name + rest;
      const decision = decide({ role: "lab", method, scheme: "https", authority: raw, path: "/v1/7" }, policy);
      if (decision.verdict === "deny") return;
      const written = raw.toLowerCase().replace(/:\d+$/, "");
      const isNamed =
        decision.rule === null ? written.endsWith(".weakdoor.internal") : written === decision.rule.host;
      expect(isNamed).toBe(true);
    }),
    { numRuns: HOSTS },
  );
});

test(`a path that is taken is read alike by a URL parser, before and after it is unescaped (${TARGETS} cases)`, () => {
  let taken = 0;
  fc.assert(
    fc.property(path, (raw) => {
      const target = parseTarget(raw);
      if (target.status === "refused") return;
      taken++;
      const url = new URL(`http://host${raw}`);
      expect(url.host).toBe("host");
      expect(unescaped(url.pathname)).toBe(unescaped(target.path));
      expect(url.pathname.split("/").slice(1).map(unescaped)).toEqual(target.segments.map(unescaped));
      expect([...url.searchParams.keys()]).toEqual(target.queryKeys);
      const strange = target.segments.map(unescaped).filter((one) => /^\.{1,2}$|[/\\\0;]/.test(one));
      expect(strange).toEqual([]);
      expect(unescaped(target.path).split("/")).toHaveLength(target.segments.length + 1);
    }),
    { numRuns: TARGETS },
  );
  expect(taken).toBeGreaterThan(TARGETS / 50);
});

/** Byte by byte, as a server does that knows of no encoding. */
function unescaped(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
