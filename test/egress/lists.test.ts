import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fingerprintOf, followLists, loadLists } from "../../src/egress/lists.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-lists-"));
  path = join(directory, "tests.yaml");
  write("api.example");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** At once, so that nobody sees half of it. */
function write(host: string, over = "") {
  writeFileSync(
    `${path}.new`,
    [
      "version: 1",
      "purpose: tests",
      "rules:",
      `  - { id: one, host: ${host}, methods: [GET], paths: [/], responseBytesMax: 10, why: a test${over} }`,
    ].join("\n"),
  );
  renameSync(`${path}.new`, path);
}

const NOW = new Date("2026-11-21T12:00:00Z");
const INJECT = ", inject: { header: x-key, secretEnv: SEARCH_KEY }";

describe("the lists", () => {
  test("come with the secrets that their rules name, and with no others", async () => {
    write("api.example", INJECT);
    const asked: string[] = [];
    const lists = await loadLists([path], (name) => (asked.push(name), "made-up"), NOW);
    expect(lists.secrets).toEqual({ SEARCH_KEY: "made-up" });
    expect(asked).toEqual(["SEARCH_KEY"]);
    expect(JSON.stringify(lists.allowlists)).not.toContain("made-up");
  });

  test.each([
    ["is not set", undefined, "one puts in SEARCH_KEY, which is not set"],
    ["cannot be a header", "a\nb", "SEARCH_KEY cannot stand in a header"],
  ])("do not load when a secret %s, and it is not repeated", async (_, value, message) => {
    write("api.example", INJECT);
    await expect(loadLists([path], () => value, NOW)).rejects.toThrow(message);
  });

  test("do not load when a rule of one of them has expired", async () => {
    write("api.example", ", expires: 2026-11-20");
    await expect(loadLists([path], () => undefined, NOW)).rejects.toThrow("expired on 2026-11-20");
  });
});

describe("following them", () => {
  async function follow(onChange: () => Promise<void>, body: (changes: () => number) => Promise<void>) {
    const stop = new AbortController();
    let changes = 0;
    const before = await fingerprintOf([path]);
    const counted = async () => {
      changes++;
      await onChange();
    };
    const over = followLists([path], before, counted, stop.signal, 5);
    try {
      await body(() => changes);
    } finally {
      stop.abort();
    }
    await over;
  }

  test("tells of bytes that changed, also when the file is replaced, removed or comes back", async () => {
    await follow(
      async () => undefined,
      async (changes) => {
        write("other.example");
        await expect.poll(changes).toBe(1);
        write("third.example");
        await expect.poll(changes).toBe(2);
        rmSync(path);
        await expect.poll(changes).toBe(3);
        write("third.example");
        await expect.poll(changes).toBe(4);
      },
    );
  });

  test("says nothing of a file that is written again with the same bytes", async () => {
    await follow(
      async () => undefined,
      async (changes) => {
        write("api.example");
        await new Promise((resolve) => setTimeout(resolve, 60));
        expect(changes()).toBe(0);
      },
    );
  });

  test("sees a change from between the fingerprint and its first look", async () => {
    const stop = new AbortController();
    const before = await fingerprintOf([path]);
    write("other.example");
    const seen = Promise.withResolvers<string>();
    const over = followLists([path], before, async () => seen.resolve("seen"), stop.signal, 5);
    expect(await seen.promise).toBe("seen");
    stop.abort();
    await over;
  });

  test("ends with what cannot be taken in", async () => {
    const before = await fingerprintOf([path]);
    write("other.example");
    const trouble = new Error("the ledger cannot be written");
    const over = followLists([path], before, () => Promise.reject(trouble), new AbortController().signal, 5);
    await expect(over).rejects.toBe(trouble);
  });
});
