import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { searcher } from "../../../src/egress/watch/searcher.ts";

test("a body whose search takes too long is not called searched, and the next one is", async () => {
  const hasty = searcher(1);
  hasty.fakes([]);
  const long = Buffer.from(Array.from({ length: 40_000 }, () => randomBytes(20).toString("hex").slice(1)).join(" "));
  expect((await hasty.examine("a", {}, long)).looked).toEqual({
    status: "unsearchable",
    why: "its search took too long",
    hits: [],
    tokens: null,
  });
  const patient = searcher();
  patient.fakes([]);
  expect((await patient.examine("a", {}, long)).looked).toEqual({ status: "searched", hits: [], tokens: null });
});

test("new fakes are looked for in what comes after them, also while a long body is being searched", async () => {
  const value = `wd-${randomBytes(20).toString("hex")}`;
  const fake = { id: "fk-0123456789", kind: "generic", value, cycle: "c", file: "f" };
  const search = searcher();
  search.fakes([]);
  const long = Buffer.from(`${"a plain word ".repeat(100_000)} ${value}`);
  const before = search.examine("a", {}, long);
  search.fakes([fake]);
  const after = search.examine("a", {}, long);
  expect((await before).looked.hits).toEqual([]);
  expect((await after).looked.hits).toMatchObject([{ where: "body", sighting: { fakeId: fake.id } }]);
});
