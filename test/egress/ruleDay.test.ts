import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { Rule } from "../../src/egress/allowlist.ts";
import { decide, type EgressRequest } from "../../src/egress/decide.ts";
import { ruleDay } from "../../src/egress/ruleDay.ts";
import { flowBench } from "../support/flowBench.ts";
import { http1In, openTunnel } from "../support/tunnel.ts";
import { tunnelBed } from "../support/tunnelBed.ts";
import { upstream } from "../support/upstream.ts";
import { websocketBed } from "../support/websocketBed.ts";

const HOUR_MS = 3_600_000;
const EXPIRES = { expires: "2026-06-15" };

/** Stands still until it is told; wall time and the time that passes are told apart. */
function handClock(at: string): Clock & { pass(ms: number): void; set(to: string): void } {
  let wallMs = Date.parse(at);
  let passedMs = 5_000;
  return {
    now: () => new Date(wallMs),
    monotonicMs: () => passedMs,
    pass(ms) {
      wallMs += ms;
      passedMs += ms;
    },
    set(to) {
      wallMs = Date.parse(to);
    },
  };
}

describe("the day by which rules expire", () => {
  test("changes at midnight UTC", () => {
    const clock = handClock("2026-06-15T23:00:00Z");
    const today = ruleDay(clock);
    expect(today()).toBe("2026-06-15");
    clock.pass(HOUR_MS);
    expect(today()).toBe("2026-06-16");
  });

  test("does not come back with a clock that is set back after midnight", () => {
    const clock = handClock("2026-06-15T23:00:00Z");
    const today = ruleDay(clock);
    clock.pass(HOUR_MS);
    expect(today()).toBe("2026-06-16");
    clock.set("2026-06-10T00:00:00Z");
    expect(today()).toBe("2026-06-16");
  });

  test("comes no later with a clock that is set back before midnight", () => {
    const clock = handClock("2026-06-15T23:00:00Z");
    const today = ruleDay(clock);
    clock.set("2026-06-01T00:00:00Z");
    expect(today()).toBe("2026-06-15");
    clock.pass(HOUR_MS);
    expect(today()).toBe("2026-06-16");
  });

  test("comes early with one that is set ahead, and stays", () => {
    const clock = handClock("2026-06-15T12:00:00Z");
    const today = ruleDay(clock);
    clock.set("2026-06-20T12:00:00Z");
    expect(today()).toBe("2026-06-20");
    clock.set("2026-06-15T12:00:00Z");
    expect(today()).toBe("2026-06-20");
  });
});

describe("a rule that has expired allows nothing, and the reason says that it is this", () => {
  const common = { host: "api.example", methods: ["GET"], responseBytesMax: 9, why: "a test" };
  const rules = [
    { ...common, id: "old", paths: ["/old"], ...EXPIRES },
    { ...common, id: "new", paths: ["/new"], expires: "2026-07-01" },
    { ...common, id: "alone", host: "alone.example", paths: ["/x"], ...EXPIRES },
  ].map((rule) => Rule.parse(rule));
  const ask = (over: Partial<EgressRequest>, today: string) =>
    decide(
      { role: "lab", method: "GET", scheme: "https", authority: "api.example", path: "/old", ...over },
      { isLatched: false, canaryHosts: [], rules, today },
    );
  const tunnel = { method: "CONNECT", authority: "alone.example:443", path: undefined };

  test.each([
    [{}, "2026-06-15", "allow", "rule"],
    [{}, "2026-06-16", "deny", "rule-expired"],
    [{ path: "/new" }, "2026-06-16", "allow", "rule"],
    [{ path: "/new" }, "2026-07-02", "deny", "rule-expired"],
    [{ path: "/other" }, "2026-06-16", "deny", "path-not-listed"],
    [{ method: "POST" }, "2026-06-16", "deny", "method-not-listed"],
    [{ authority: "alone.example", path: "/other" }, "2026-06-16", "deny", "rule-expired"],
    [tunnel, "2026-06-15", "tunnel", "rule"],
    [tunnel, "2026-06-16", "deny", "rule-expired"],
    [{ ...tunnel, authority: "api.example:443" }, "2026-06-16", "tunnel", "rule"],
  ] as const)("%j on %s: %s, %s", (over, today, verdict, reason) => {
    expect(ask(over, today)).toMatchObject({ verdict, reason });
  });
});

describe("midnight passes while the gateway runs", () => {
  const clock = () => handClock("2026-06-15T23:59:00Z");

  test("a request before it is answered, one after it is told why not, and a clock that is set back changes nothing", async () => {
    const hand = clock();
    await using host = await upstream((response) => response.end("ok"));
    const place = { host: "api.example", port: host.port, scheme: "http", methods: ["GET"] };
    const rules = [
      { ...place, id: "old", paths: ["/old"], ...EXPIRES },
      { ...place, id: "new", paths: ["/new"] },
    ];
    const pins = [{ host: "api.example", address: "127.0.0.1" }];
    await using bench = await flowBench({ rules, pins, today: ruleDay(hand) });
    const ask = (path: string) => bench.shim.ask({ ":authority": `api.example:${host.port}`, ":path": path });
    expect(await ask("/old")).toMatchObject({ status: 200 });
    hand.pass(HOUR_MS);
    const refused = { status: 403, text: "this may no longer be reached from here\n" };
    expect(await ask("/old")).toMatchObject(refused);
    hand.set("2026-06-15T12:00:00Z");
    expect(await ask("/old")).toMatchObject(refused);
    expect(await ask("/new")).toMatchObject({ status: 200 });
    expect(host.seen.map(({ url }) => url)).toEqual(["/old", "/new"]);
    const opened = bench.log().filter(({ event }) => event === "open");
    expect(opened.map(({ reason }) => reason)).toEqual(["rule", "rule-expired", "rule-expired", "rule"]);
  });

  test("an answer on its way in is cut", async () => {
    const hand = clock();
    const answering = Promise.withResolvers<ServerResponse>();
    await using host = await upstream((response) => {
      response.write("before");
      answering.resolve(response);
    });
    const rule = { id: "old", host: "api.example", port: host.port, scheme: "http", methods: ["GET"], paths: ["/x"] };
    const pins = [{ host: "api.example", address: "127.0.0.1" }];
    await using bench = await flowBench({ rules: [{ ...rule, ...EXPIRES }], pins, today: ruleDay(hand) });
    const stream = bench.shim.session.request({ ":authority": `api.example:${host.port}`, ":path": "/x" });
    stream.on("error", () => undefined);
    let text = "";
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    await expect.poll(() => text).toBe("before");
    hand.pass(HOUR_MS);
    (await answering.promise).end("after");
    await expect.poll(() => stream.closed).toBe(true);
    expect(text).toBe("before");
    expect(stream.rstCode).toBeGreaterThan(0);
    await expect
      .poll(() => bench.log().at(-1))
      .toMatchObject({ event: "close", closedBy: "limit", reason: "rule-expired" });
  });

  test("a tunnel that is open carries no further request, and no new one opens", async () => {
    const hand = clock();
    await using the = await tunnelBed(EXPIRES, { today: ruleDay(hand) });
    const ask = http1In(await the.tls("http/1.1"));
    const headers = { host: the.place };
    expect(await ask({ path: "/v1/7", headers })).toMatchObject({ status: 200 });
    hand.pass(HOUR_MS);
    expect(await ask({ path: "/v1/8", headers })).toMatchObject({ status: 403 });
    expect(await openTunnel(the.bench, the.place)).toMatchObject({ status: 403 });
    expect(the.host.seen.map(({ url }) => url)).toEqual(["/v1/7"]);
  });

  test("a spliced tunnel is cut at its next byte", async () => {
    const hand = clock();
    const splice = { mode: "splice", requestBytesMax: 40_000, responseBytesMax: 200_000, ...EXPIRES };
    await using the = await tunnelBed(splice, { today: ruleDay(hand) });
    const ask = http1In(await the.tls("http/1.1"));
    expect(await ask({ path: "/v1/7", headers: { host: the.place } })).toMatchObject({ status: 200 });
    hand.pass(HOUR_MS);
    await expect(ask({ path: "/v1/8", headers: { host: the.place } })).rejects.toThrow(/./);
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ event: "close", reason: "rule-expired" });
    expect(the.host.seen.map(({ url }) => url)).toEqual(["/v1/7"]);
  });

  test("a websocket is closed at its next message", async () => {
    const hand = clock();
    await using the = await websocketBed(EXPIRES, { today: ruleDay(hand) });
    const client = await the.open("h2");
    client.say(1, "before");
    await expect.poll(() => client.got.length).toBe(1);
    hand.pass(HOUR_MS);
    client.say(1, "after");
    await client.closed;
    expect(client.closeCode()).toBe(1008);
    await expect.poll(() => the.bench.log().map(({ reason }) => reason)).toContain("rule-expired");
    expect(the.host.got.map(({ payload }) => payload.toString())).toEqual(["before"]);
  });
});
