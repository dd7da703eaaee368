import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OperatorError } from "../../src/base/errors.ts";
import { loadAllowlist } from "../../src/egress/allowlist.ts";

const TODAY = new Date("2026-06-15T12:00:00Z");

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-allowlist-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const GOOD = `version: 1
purpose: sources
rules:
  - id: one
    host: api.example
    methods: [GET]
    paths: ["/v1/{id}"]
    responseBytesMax: 1000
    why: a test
`;

const SPLICE = `version: 1
purpose: sources
rules:
  - id: two
    host: api.example
    mode: splice
    requestBytesMax: 1000
    responseBytesMax: 1000
    why: a test
`;

function load(text: string, name = "sources.yaml") {
  const path = join(directory, name);
  writeFileSync(path, text);
  return loadAllowlist(path, TODAY);
}

async function complaint(text: string, name?: string): Promise<string> {
  const thrown: unknown = await load(text, name).then(
    () => "it was taken",
    (error: unknown) => error,
  );
  if (!(thrown instanceof OperatorError)) throw new Error(`no OperatorError: ${String(thrown)}`);
  return `${thrown.message} | ${thrown.hint}`;
}

test("a good list is taken, with the strictest value for what it leaves out", async () => {
  expect((await load(GOOD)).rules[0]).toEqual({
    id: "one",
    host: "api.example",
    port: 443,
    scheme: "https",
    mode: "terminate",
    methods: ["GET"],
    paths: ["/v1/{id}"],
    query: [],
    http2: false,
    websocket: false,
    subprotocols: [],
    requestBytesMax: 0,
    responseBytesMax: 1000,
    why: "a test",
  });
});

test("a rule may name types and a rate, and a place may be spliced by a rule without methods and paths", async () => {
  const more = `    contentTypes: [application/json]\n    responseTypes: [text/html]\n    rate: { perMinute: 60, burst: 10 }\n`;
  expect((await load(GOOD + more)).rules[0]).toMatchObject({
    contentTypes: ["application/json"],
    responseTypes: ["text/html"],
    rate: { perMinute: 60, burst: 10 },
  });
  expect((await load(SPLICE)).rules[0]).toMatchObject({ mode: "splice", methods: [], paths: [] });
});

describe("what is wrong stops the start, and is named with its place, its value and a remedy", () => {
  test.each([
    [
      "a misspelt key",
      `${GOOD}    methosd: [GET]\n`,
      /sources\.yaml:10: rules\.0\.methosd: unknown key.*did you mean methods/,
    ],
    [
      "a wildcard",
      GOOD.replace("api.example", '"*.example"'),
      /rules\.0\.host: "\*\.example" is not valid.*no wildcard/,
    ],
    ["an address", GOOD.replace("api.example", "192.0.2.1"), /rules\.0\.host: "192\.0\.2\.1" is not valid/],
    ["a name in capitals", GOOD.replace("api.example", "Api.example"), /rules\.0\.host/],
    ["an unknown method", GOOD.replace("[GET]", "[CONNECT]"), /rules\.0\.methods\.0: "CONNECT" is not valid/],
    ["no method", GOOD.replace("[GET]", "[]"), /rules\.0\.methods/],
    ["** in the middle", GOOD.replace("/v1/{id}", "/**/x"), /rules\.0\.paths\.0.*only at its end/],
    ["a dot segment", GOOD.replace("/v1/{id}", "/a/../b"), /rules\.0\.paths\.0/],
    ["no reason", GOOD.replace("    why: a test\n", ""), /rules\.0\.why: missing/],
    ["no limit", GOOD.replace("    responseBytesMax: 1000\n", ""), /rules\.0\.responseBytesMax: missing/],
    ["a port of none", GOOD.replace("methods", "port: 0\n    methods"), /rules\.0\.port: 0 is not valid/],
    ["a day that is none", `${GOOD}    expires: soon\n`, /rules\.0\.expires: "soon" is not valid.*2027-01-31/],
    ["the same id twice", GOOD + GOOD.slice(GOOD.indexOf("  - id")), /rules\.1\.id: one is there twice/],
    [
      "an expired rule",
      `${GOOD}    expires: 2026-06-14\n    owner: ann\n`,
      /one expired on 2026-06-14 \| ann renews/,
    ],
    ["no paths at all", GOOD.replace(/ +paths:.*\n/, ""), /rules\.0\.paths: missing.*name at least one path/],
    ["a mode of none", `${GOOD}    mode: passthrough\n`, /rules\.0\.mode: "passthrough" is not valid/],
    [
      "a splice that promises paths",
      `${GOOD}    mode: splice\n    requestBytesMax: 9\n`,
      /rules\.0\.methods: .* not looked into/,
    ],
    [
      "a splice that nothing may go up",
      SPLICE.replace(/ +requestBytesMax:.*\n/, ""),
      /requestBytesMax: missing.*of no use/,
    ],
    ["a splice of plain HTTP", `${SPLICE}    scheme: http\n`, /rules\.0\.scheme: "http" is not valid.*only TLS/],
    [
      "two modes for one place",
      GOOD + SPLICE.slice(SPLICE.indexOf("  - id")),
      /rules\.1\.mode: two would splice what one would terminate \| give all rules of api\.example:443 the same/,
    ],
    ["a websocket that nothing goes up", `${GOOD}    websocket: true\n`, /requestBytesMax.*nothing may go up/],
    [
      "a websocket of types",
      `${GOOD}    websocket: true\n    requestBytesMax: 9\n    responseTypes: [text/html]\n`,
      /responseTypes.*has no type/,
    ],
    [
      "a websocket without TLS",
      `${GOOD}    websocket: true\n    requestBytesMax: 9\n    scheme: http\n    port: 80\n`,
      /scheme: "http".*over TLS alone/,
    ],
    ["HTTP/2 without TLS", `${GOOD}    http2: true\n    scheme: http\n    port: 80\n`, /http2: true.*over TLS alone/],
    ["HTTP/2 in a splice", `${SPLICE}    http2: true\n`, /http2: true.*not for us to say/],
    ["subprotocols of no websocket", `${GOOD}    subprotocols: [chat]\n`, /subprotocols.*say websocket: true/],
    ["a type that is none", `${GOOD}    contentTypes: [json]\n`, /contentTypes\.0: "json".*application\/json/],
    ["a type with a parameter", `${GOOD}    responseTypes: ["text/html; charset=utf-8"]\n`, /responseTypes\.0/],
    ["a rate without a burst", `${GOOD}    rate: { perMinute: 6 }\n`, /rules\.0\.rate\.burst: missing/],
    ["a misspelt rate", `${GOOD}    rate: { perminute: 6, burst: 1 }\n`, /unknown key.*did you mean perMinute/],
    ["broken YAML", "rules: [", /sources\.yaml:\d+: /],
    ["not a list at all", "hello", /sources\.yaml/],
  ])("%s", async (_, text, expected) => {
    expect(await complaint(text)).toMatch(expected);
  });

  test("a purpose that is not the file's name", async () => {
    expect(await complaint(GOOD, "other.yaml")).toMatch(/other\.yaml: purpose: sources does not fit.*purpose: other/);
  });

  test("a file that is not there, and one that is too long", async () => {
    await expect(loadAllowlist(join(directory, "none.yaml"), TODAY)).rejects.toThrow(/none\.yaml: cannot be read/);
    expect(await complaint(GOOD + "#".repeat(1_100_000))).toMatch(/over 1048576 bytes/);
  });
});

test("a rule holds on its last day, and not on the next", async () => {
  const text = `${GOOD}    expires: 2026-06-15\n`;
  expect((await load(text)).rules).toHaveLength(1);
  await expect(loadAllowlist(join(directory, "sources.yaml"), new Date("2026-06-16T00:00:00Z"))).rejects.toThrow(
    /expired/,
  );
});

test("the list that we ship loads, and says of each host why", async () => {
  const list = await loadAllowlist(resolve(import.meta.dirname, "../../allowlists/sources.yaml"), TODAY);
  expect(list.rules.map(({ host }) => host)).toEqual(
    expect.arrayContaining(["services.nvd.nist.gov", "www.cisa.gov", "api.osv.dev", "raw.githubusercontent.com"]),
  );
  expect(list.rules.filter(({ why }) => why.length <= 20)).toEqual([]);
});
