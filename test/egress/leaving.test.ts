import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { Exchange } from "../../src/egress/exchange.ts";
import { leavingOf } from "../../src/egress/leaving.ts";

function exchange(): Exchange {
  return Object.assign(new PassThrough(), { respond: () => undefined, close: () => undefined });
}

async function close(stream: Exchange): Promise<void> {
  stream.destroy();
  await new Promise((resolve) => stream.once("close", resolve));
}

test("a guest that leaves is told of once, to whoever still listens, before and after", async () => {
  const stream = exchange();
  const leaving = leavingOf(stream);
  const told: string[] = [];
  leaving.onGone(() => told.push("first"));
  leaving.onGone(() => told.push("taken back"))();
  const { signal } = leaving;
  expect(signal.aborted).toBe(false);
  await close(stream);
  expect(told).toEqual(["first"]);
  expect(signal.aborted).toBe(true);
  leaving.onGone(() => told.push("late"));
  expect(told).toEqual(["first", "late"]);
});

test("a signal that is first asked for when the guest has left is aborted already", async () => {
  const stream = exchange();
  const leaving = leavingOf(stream);
  await close(stream);
  expect(leaving.signal.aborted).toBe(true);
});

test("a guest that was served has not left", async () => {
  const stream = exchange();
  const leaving = leavingOf(stream);
  const told: string[] = [];
  leaving.onGone(() => told.push("gone"));
  const { signal } = leaving;
  leaving.served();
  await close(stream);
  expect(told).toEqual([]);
  expect(signal.aborted).toBe(false);
});
