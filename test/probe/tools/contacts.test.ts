import { expect, test } from "vitest";
import { isExposure } from "../../../src/guest/exposure.ts";
import { contactRow } from "../../../src/probe/tools/contacts.ts";
import type { Outside } from "../../../src/probe/tools/outside.ts";

const STANDING: Outside = {
  status: "standing",
  arrived: () => Promise.resolve(new Map()),
  names: () => Promise.resolve([]),
};

test("names that an agent asks for by itself are told, in order, and accuse nobody", () => {
  const row = contactRow("codex", STANDING, {
    before: ["old.example"],
    after: ["old.example", "b.example", "a.example"],
  });
  expect(row).toMatchObject({
    verdict: "reachable",
    detail: expect.stringContaining("a.example, b.example:") as string,
  });
  expect(isExposure(row)).toBe(false);
});

test("an agent that asks for none is told apart from one that nobody listened to", () => {
  const none = { before: ["old.example"], after: ["old.example"] };
  expect(contactRow("codex", STANDING, none)).toMatchObject({ verdict: "absent" });
  const unheard: Outside = { status: "none", reason: "there is no network" };
  expect(contactRow("codex", unheard, { before: [], after: [] })).toMatchObject({
    verdict: "not-measured",
    detail: "there is no network",
  });
});

test("however many it asks for, the row has its bound", () => {
  const after = Array.from({ length: 500 }, (_, i) => `${"n".repeat(60)}${i}.example`);
  const { detail } = contactRow("codex", STANDING, { before: [], after });
  expect(detail.length).toBeLessThanOrEqual(600);
});
