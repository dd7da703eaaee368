import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { selfSigned } from "../../support/selfSigned.ts";
import { feed, feedRule, HOST, type SourceBench, sourceBench } from "../../support/sourceBench.ts";
import { type Upstream, upstream } from "../../support/upstream.ts";

const TLS = selfSigned(HOST);
const OTHER = selfSigned("other.example");
const KEY = ["key", "of", "the", "feed", "0123456789"].join("-");
const ENV = "FEED_KEY";
const GOOD = { source: "feed", params: { name: "good" } };
const INJECT = { header: "apikey", secretEnv: ENV };

function bench(port: number, over: Partial<Parameters<typeof sourceBench>[0]> = {}): SourceBench {
  return sourceBench({
    sources: [feed(port)],
    rules: [feedRule(port, { inject: INJECT })],
    scan: async () => ({ status: "clean" }),
    certificates: [TLS.cert, OTHER.cert],
    secrets: { [ENV]: KEY },
    ...over,
  });
}

/** Says what it is told to; `good` is said well. */
function host(text: (key: string) => string): Promise<Upstream> {
  return upstream((response, { url, headers }) => {
    const words = url === "/feed/good" ? "well said" : text(String(headers.apikey));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ text: words }));
  }, TLS);
}

/** Everything that anybody but the gateway could read afterwards. */
function traces(one: SourceBench, said: string): string {
  const files = one.files().map((name) => readFileSync(join(one.directory, name), "utf8"));
  return [said, JSON.stringify(one.log()), JSON.stringify(one.heard), JSON.stringify(one.told), ...files].join("\n");
}

test("a source that needs a key gets it by its rule, and nobody inside, no log and no copy has it", async () => {
  await using there = await host(() => "");
  using one = bench(there.port);
  const { code, text } = await one.ask(GOOD);
  expect(code).toBe(200);
  expect(there.seen[0]?.headers.apikey).toBe(KEY);
  expect(traces(one, `${text}${JSON.stringify(await one.list())}`)).not.toContain(KEY);
});

test("a prefix goes before it, and a rule without inject sends none", async () => {
  await using there = await host(() => "");
  const inject = { header: "authorization", secretEnv: ENV, prefix: "Bearer " };
  using one = bench(there.port, { rules: [feedRule(there.port, { inject })] });
  await one.ask(GOOD);
  using none = bench(there.port, { rules: [feedRule(there.port)] });
  await none.ask(GOOD);
  expect(there.seen.map(({ headers }) => [headers.authorization, headers.apikey])).toEqual([
    [`Bearer ${KEY}`, undefined],
    [undefined, undefined],
  ]);
});

test("a key that is not there is said, and nothing is asked without it", async () => {
  await using there = await host(() => "");
  using one = bench(there.port, { secrets: {} });
  expect(await one.ask(GOOD)).toMatchObject({ code: 503, reason: "secret-missing" });
  expect(there.seen).toEqual([]);
});

test.each([
  ["as it is", (key: string) => `you sent ${key}, did you not`],
  ["in base64", (key: string) => Buffer.from(key).toString("base64")],
  ["in hexadecimal", (key: string) => Buffer.from(key).toString("hex")],
])("a source that sends the key back %s is refused, and nothing of it is kept", async (_, words) => {
  await using there = await host(words);
  using one = bench(there.port);
  const asked = await one.ask({ source: "feed", params: { name: "echo" } });
  expect(asked).toMatchObject({ code: 502, reason: "source-secret-echoed" });
  expect(traces(one, asked.text)).not.toContain(KEY);
  expect(one.files().filter((name) => name.startsWith("text/"))).toEqual([]);
  expect(await one.ask(GOOD)).toMatchObject({ code: 200 });
});

test("a redirect takes no key along to a host of another rule, and none in its own words", async () => {
  await using other = await upstream(
    (response) => response.writeHead(200, { "content-type": "application/json" }).end('{"text":"of another"}'),
    OTHER,
  );
  await using there = await upstream((response, { url, headers }) => {
    const to = `https://other.example:${other.port}/feed/x`;
    response.writeHead(302, { location: url === "/feed/good" ? to : `/feed/${String(headers.apikey)}` }).end();
  }, TLS);
  const rules = [
    feedRule(there.port, { inject: INJECT }),
    { ...feedRule(other.port), id: "other", host: "other.example" },
  ];
  const pins = [HOST, "other.example"].map((name) => ({ host: name, address: "127.0.0.1" }));
  using one = bench(there.port, { sources: [feed(there.port, { rules: ["feed", "other"] })], rules, pins });
  expect((await one.ask(GOOD)).text).toContain("of another");
  expect(other.seen.map(({ headers }) => headers.apikey)).toEqual([undefined]);
  const echoed = await one.ask({ source: "feed", params: { name: "echo" } });
  expect(echoed).toMatchObject({ reason: "source-secret-echoed" });
  expect(traces(one, echoed.text)).not.toContain(KEY);
});
