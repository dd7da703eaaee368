import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rule } from "../../src/egress/allowlist.ts";
import { draw, fullBucket, overdraw } from "../../src/egress/bucket.ts";
import { type Caps, carry, enter, leave, noUse } from "../../src/egress/caps.ts";
import { spending } from "../../src/egress/spending.ts";

const CAPS: Caps = { streamsMax: 3, requestsPerSecond: 2, requestBurst: 5, bytesPerMinute: 6_000 };

describe("a bucket", () => {
  const size = { perMinute: 60, burst: 3 };

  test("gives its burst at once, then as much as comes in", () => {
    let bucket = fullBucket(size, 0);
    for (let i = 0; i < 3; i++) {
      const drawn = draw(bucket, size, 1, 0);
      expect(drawn.status).toBe("drawn");
      bucket = drawn.bucket;
    }
    expect(draw(bucket, size, 1, 0)).toMatchObject({ status: "empty", waitMs: 1_000 });
    expect(draw(bucket, size, 1, 999).status).toBe("empty");
    expect(draw(bucket, size, 1, 1_000).status).toBe("drawn");
  });

  test("never holds more than its burst, and a clock that goes back fills nothing", () => {
    expect(draw(fullBucket(size, 0), size, 4, 1e9)).toMatchObject({ status: "empty", bucket: { level: 3 } });
    const empty = { level: 0, atMs: 10_000 };
    expect(draw(empty, size, 1, 0)).toMatchObject({ status: "empty", bucket: { level: 0, atMs: 10_000 } });
  });

  test("that was overdrawn says how long the debt takes", () => {
    const { bucket, waitMs } = overdraw(fullBucket(size, 0), size, 5, 0);
    expect(waitMs).toBe(2_000);
    expect(draw(bucket, size, 1, 2_000).status).toBe("empty");
    expect(draw(bucket, size, 1, 3_000).status).toBe("drawn");
  });

  test("gives, over any time and however it is asked, no more than its burst and what came in", () => {
    const asked = fc.array(fc.tuple(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 1, max: 4 })));
    fc.assert(
      fc.property(asked, (steps) => {
        let bucket = fullBucket(size, 0);
        let nowMs = 0;
        let given = 0;
        for (const [pauseMs, cost] of steps) {
          nowMs += pauseMs;
          const drawn = draw(bucket, size, cost, nowMs);
          bucket = drawn.bucket;
          if (drawn.status === "drawn") given += cost;
        }
        expect(given).toBeLessThanOrEqual(size.burst + nowMs / 1_000 + 1e-6);
      }),
    );
  });
});

describe("a sandbox", () => {
  test("has so many requests under way, and one that ended makes room", () => {
    let use = noUse(CAPS, 0);
    for (let i = 0; i < 3; i++) {
      const entered = enter(use, CAPS, 0);
      expect(entered.capped).toBeNull();
      use = entered.use;
    }
    expect(enter(use, CAPS, 0).capped).toEqual({ reason: "too-many-streams", waitMs: 1_000 });
    expect(enter(leave(use), CAPS, 0).capped).toBeNull();
  });

  test("has a burst of requests, then so many a second, and one that was refused costs nothing", () => {
    let use = noUse(CAPS, 0);
    for (let i = 0; i < 5; i++) use = leave(enter(use, CAPS, 0).use);
    for (let i = 0; i < 100; i++) {
      const refused = enter(use, CAPS, 0);
      expect(refused.capped).toEqual({ reason: "too-many-requests", waitMs: 500 });
      use = refused.use;
    }
    expect(enter(use, CAPS, 500).capped).toBeNull();
  });

  test("has so many bytes a minute: more is slowed, and nothing new begins before it is paid", () => {
    const first = carry(noUse(CAPS, 0), CAPS, 6_000, 0);
    expect(first.waitMs).toBe(0);
    const second = carry(first.use, CAPS, 1_000, 0);
    expect(second.waitMs).toBe(10_000);
    expect(enter(second.use, CAPS, 9_000).capped).toMatchObject({ reason: "too-many-bytes" });
    expect(enter(second.use, CAPS, 11_000).capped).toBeNull();
  });
});

describe("a rule", () => {
  const rule = (over: Record<string, unknown> = {}) =>
    Rule.parse({
      id: "one",
      host: "api.example",
      methods: ["GET"],
      paths: ["/"],
      responseBytesMax: 100,
      why: "a test",
      ...over,
    });

  test("without limits is used as often as one likes", () => {
    const spent = spending();
    for (let i = 0; i < 1_000; i++) expect(spent.use(rule(), 1e6, 0).status).toBe("used");
    expect(spent.left(rule())).toBeNull();
  });

  test("has its own rate, also when another rule of the host has one", () => {
    const spent = spending();
    const slow = rule({ rate: { perMinute: 6, burst: 2 } });
    const other = rule({ id: "two", rate: { perMinute: 6, burst: 2 } });
    expect([spent.use(slow, 0, 0).status, spent.use(slow, 0, 0).status]).toEqual(["used", "used"]);
    expect(spent.use(slow, 0, 0)).toEqual({ status: "refused", reason: "rule-rate", waitMs: 10_000 });
    expect(spent.use(other, 0, 0).status).toBe("used");
    expect(spent.use(slow, 0, 10_000).status).toBe("used");
  });

  test("has bytes each way for the whole cycle, shared by all rules of the host and port", () => {
    const spent = spending();
    const one = rule({ cycleBytesMax: { up: 10, down: 20 } });
    const two = rule({ id: "two", cycleBytesMax: { up: 12, down: 20 } });
    expect(spent.use(one, 8, 0).status).toBe("used");
    expect(spent.use(one, 3, 0)).toEqual({ status: "refused", reason: "rule-bytes", waitMs: null });
    expect(spent.use(two, 3, 0).status).toBe("used");
    expect(spent.left(one)).toEqual({ up: 0, down: 20 });
    expect(spent.carry(one, "down", 20)).toBe(true);
    expect(spent.carry(one, "down", 1)).toBe(false);
    expect(spent.use(two, 0, 1e9)).toEqual({ status: "refused", reason: "rule-bytes", waitMs: null });
    expect(spent.use(rule({ port: 8443, cycleBytesMax: { up: 1, down: 1 } }), 0, 0).status).toBe("used");
  });

  test.each([
    ["a header that says where it goes", { inject: { header: "host", secretEnv: "KEY" } }],
    ["a secret without TLS", { scheme: "http", inject: { header: "x-key", secretEnv: "KEY" } }],
    ["a secret in place of its name", { inject: { header: "x-key", secretEnv: "not a name" } }],
    ["nothing that may come down", { cycleBytesMax: { up: 0, down: 0 } }],
  ])("cannot ask for %s", (_, over) => {
    expect(() => rule(over)).toThrow(/header|TLS|environment variable|>=1|Too small/);
    expect(rule({ inject: { header: "x-key", secretEnv: "KEY" } }).inject).toEqual({
      header: "x-key",
      secretEnv: "KEY",
      prefix: "",
    });
  });
});
