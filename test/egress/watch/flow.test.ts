import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { answerFor } from "../../../src/egress/reasons.ts";
import { flowBench } from "../../support/flowBench.ts";
import { upstream } from "../../support/upstream.ts";

const HOST = "api.example";
const value = ["wd", "fake", "0123456789abcdefghijklmnop"].join("-");
const fake = { id: "fk-0123456789", kind: "generic", value, cycle: "c1", file: "home/.env" };

async function bench(port: number, seal?: (why: string) => void) {
  const rule = {
    id: "one",
    host: HOST,
    port,
    scheme: "http",
    methods: ["POST"],
    paths: ["/**"],
    requestBytesMax: 1_000_000,
  };
  const pins = [{ host: HOST, address: "127.0.0.1" }];
  return flowBench({ rules: [rule], pins, fakes: [fake], ...(seal === undefined ? {} : { seal }) });
}

test("a body that cannot be looked through is not passed on, in a sentence that says so; one that can be is", async () => {
  await using host = await upstream((response) => response.end("ok"));
  await using gateway = await bench(host.port);
  const to = { ":method": "POST", ":authority": `${HOST}:${host.port}`, ":path": "/x" };
  for (const [encoding, body, why] of [
    ["x-mine", Buffer.from("x"), "encoded as x-mine"],
    ["gzip", gzipSync(Buffer.alloc(64 * 1024 * 1024)), "too long when decoded"],
  ] as const) {
    expect(await gateway.shim.ask({ ...to, "content-encoding": encoding }, body)).toMatchObject({
      status: 415,
      text: "what the request carries cannot be looked into, so it was not passed on\n",
    });
    await expect
      .poll(() => gateway.log().at(-1))
      .toMatchObject({ event: "close", reason: expect.stringContaining(why) as string });
  }
  expect(host.seen).toEqual([]);
  expect((await gateway.shim.ask({ ...to, "content-encoding": "gzip" }, gzipSync("plain"))).status).toBe(200);
});

test("a theft goes nowhere, and is written down before everything is stopped for it", async () => {
  await using host = await upstream((response) => response.end("ok"));
  const lines: number[] = [];
  const whys: string[] = [];
  await using gateway = await bench(host.port, (why) => {
    whys.push(why);
    lines.push(gateway.log().length);
  });
  const to = { ":method": "POST", ":authority": `${HOST}:${host.port}`, ":path": "/x", "content-encoding": "gzip" };
  await expect(gateway.shim.ask(to, gzipSync(JSON.stringify([value.slice(0, 12), value.slice(12)])))).rejects.toThrow(
    /no answer/,
  );
  expect(whys).toEqual([
    "a fake was on its way out of wd-lab: fk-0123456789, generic of home/.env, written plain, over several parts of a request to a host",
  ]);
  expect(lines).toEqual([2]);
  expect(gateway.log()).toMatchObject([
    { event: "open", verdict: "deny", reason: "fake-credential", authority: "", bodySha256: null },
    { event: "close", closedBy: "gateway", reason: "fake-credential" },
  ]);
  expect(host.seen).toEqual([]);
});

test("each of the watch's and the model's refusals has a sentence, and none of them says more than why", () => {
  const reasons = [
    "fake-credential",
    "body-unsearchable",
    "model-budget",
    "model-money",
    "model-key-refused",
  ] as const;
  for (const reason of [...reasons, "model-key-echoed"] as const) {
    const { status, sentence } = answerFor(reason);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(sentence, reason).toMatch(/^[a-z][a-z ,:']+$/);
    expect(sentence).not.toMatch(/canary|fake|rule|list/);
  }
});
