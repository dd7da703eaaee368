import { expect, test } from "vitest";
import { oncePerTurn } from "../../src/base/turn.ts";

test("whoever asks in one turn gets one answer, and the next turn asks anew", async () => {
  let asked = 0;
  const ask = oncePerTurn(() => ++asked);
  expect([ask(), ask()]).toEqual([1, 1]);
  await Promise.resolve();
  expect(ask()).toBe(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect([ask(), ask()]).toEqual([2, 2]);
});

test("an answer that is nothing is an answer", () => {
  let asked = 0;
  const ask = oncePerTurn(() => void asked++);
  ask();
  ask();
  expect(asked).toBe(1);
});

test("a question that throws is asked again", () => {
  let asked = 0;
  const ask = oncePerTurn(() => {
    if (++asked === 1) throw new Error("no");
    return "yes";
  });
  expect(ask).toThrow("no");
  expect(ask()).toBe("yes");
});
