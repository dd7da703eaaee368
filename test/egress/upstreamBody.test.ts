import { text } from "node:stream/consumers";
import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { upstreamBody } from "../../src/egress/upstreamBody.ts";

function opened() {
  const calls: string[] = [];
  const host: Dispatcher.DispatchController = {
    aborted: false,
    paused: false,
    reason: null,
    rawHeaders: null,
    rawTrailers: null,
    abort: () => void calls.push("abort"),
    pause: () => void calls.push("pause"),
    resume: () => void calls.push("resume"),
  };
  return { calls, body: upstreamBody(host, () => calls.push("over")) };
}

test("what came at once is had at once, and only when it is whole", () => {
  const { body } = opened();
  body.take(Buffer.from("a"));
  expect(body.whole()).toBeNull();
  body.take(Buffer.from("b"));
  body.end();
  expect(body.whole()?.toString()).toBe("ab");
  expect(opened().body.whole()).toBeNull();
});

test("what came before its reader is read first, and no byte twice", async () => {
  const { body } = opened();
  body.take(Buffer.from("a"));
  const stream = body.stream();
  body.take(Buffer.from("b"));
  body.end();
  expect(body.whole()).toBeNull();
  expect(await text(stream)).toBe("ab");
});

test("a host that sends more than is held for a reader who has not come is made to wait, and goes on when one reads", () => {
  const { body, calls } = opened();
  body.take(Buffer.alloc(63 * 1024));
  expect(calls).toEqual([]);
  body.take(Buffer.alloc(1024));
  expect(calls).toEqual(["pause"]);
  body.stream().read();
  expect(calls).toContain("resume");
});

test("a body that broke is an error and not an end, whenever it is read", async () => {
  for (const isRead of [true, false]) {
    const { body } = opened();
    body.take(Buffer.from("a"));
    const early = isRead ? body.stream() : undefined;
    const read = early === undefined ? undefined : text(early);
    body.fail(new Error("broke"));
    expect(body.whole()).toBeNull();
    await expect(read ?? text(body.stream())).rejects.toThrow("broke");
  }
});

test("letting go ends what the host still sends, and nothing of what is whole", () => {
  const { body, calls } = opened();
  body.letGo();
  expect(calls).toEqual(["over", "abort"]);
  const done = opened();
  done.body.end();
  done.body.letGo();
  expect(done.calls).toEqual(["over"]);
});
