import { expect, test } from "vitest";
import { type FlowBench, flowBench } from "../support/flowBench.ts";
import { upstream } from "../support/upstream.ts";

const HOST = "api.example";

test.each([
  ["is not set", Number.POSITIVE_INFINITY, 200, 1],
  ["is set when the request has been judged and its line is being written", 2, 503, 0],
])("where the latch %s", async (_, atLook, status, reached) => {
  await using host = await upstream((response) => response.end("hello"));
  let looks = 0;
  let bench: FlowBench | undefined;
  await using opened = await flowBench({
    rules: [
      { id: "one", host: HOST, port: host.port, scheme: "http", methods: ["GET"], paths: ["/x"], why: "a test" },
    ],
    pins: [{ host: HOST, address: "127.0.0.1" }],
    // Asked with each look at the policy, behind the latch of that look.
    today: () => {
      if (++looks === atLook) bench?.latch();
      return "2026-01-01";
    },
  });
  bench = opened;
  const asked = { ":method": "GET", ":authority": `${HOST}:${host.port}`, ":path": "/x" };
  expect(await bench.shim.ask(asked)).toMatchObject({ status });
  expect(host.seen).toHaveLength(reached);
  const [open, close] = bench.log();
  expect(open).toMatchObject({ event: "open", verdict: "allow" });
  expect(close).toMatchObject({ event: "close", status, reason: status === 200 ? "ok" : "latched" });
});
