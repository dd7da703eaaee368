import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { array, assert, asyncProperty, nat } from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyEchoed, keyGuard } from "../../src/egress/modelKey.ts";

const KEY = `sk-${randomBytes(24).toString("base64url")}`;
const FORMS = {
  plain: KEY,
  base64: Buffer.from(KEY).toString("base64"),
  "base64 in a longer text": Buffer.from(`Bearer ${KEY}!`).toString("base64"),
  hex: Buffer.from(KEY).toString("hex"),
  url: encodeURIComponent(KEY),
};

/** What comes through, and whether it was cut. */
async function through(key: string, chunks: readonly string[]): Promise<{ seen: string; isCut: boolean }> {
  const seen: Buffer[] = [];
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk))).pipe(keyGuard(key).stream());
  try {
    for await (const chunk of stream) seen.push(chunk as Buffer);
    return { seen: Buffer.concat(seen).toString(), isCut: false };
  } catch (thrown) {
    if (!(thrown instanceof KeyEchoed)) throw thrown;
    return { seen: Buffer.concat(seen).toString(), isCut: true };
  }
}

describe("a key that the server sends back", () => {
  test.each(Object.entries(FORMS))(
    "as %s is cut off before its first byte, however it is cut in pieces",
    async (_, form) => {
      const body = `data: you said ${form}, did you not`;
      const cuts = array(nat(body.length), { maxLength: 8 });
      await assert(
        asyncProperty(cuts, async (places) => {
          const { seen, isCut } = await through(KEY, cutAt(body, places));
          expect(isCut).toBe(true);
          expect(body.startsWith(seen)).toBe(true);
          expect(seen.length).toBeLessThanOrEqual(body.indexOf(form) + form.indexOf(form) + 12);
          expect(seen).not.toContain(form.slice(12));
        }),
        { numRuns: 30 },
      );
    },
  );

  test("is no reason to hold back anything else", async () => {
    const body = `data: ${KEY.slice(0, -1)} and ${KEY.slice(1)} are not it\n\n`;
    await assert(
      asyncProperty(array(nat(body.length), { maxLength: 8 }), async (places) => {
        expect(await through(KEY, cutAt(body, places))).toEqual({ seen: body, isCut: false });
      }),
      { numRuns: 30 },
    );
    const stream = keyGuard(KEY).stream();
    stream.write("data: a word\n\n");
    expect(String(stream.read())).toBe("data: a word\n\n");
    stream.end();
    expect(await text(stream)).toBe("");
  });

  test("that is too short to be a secret is not looked for", async () => {
    expect(await through("ollama", ["this is ollama"])).toEqual({ seen: "this is ollama", isCut: false });
    expect(keyGuard("ollama").holds("ollama")).toBe(false);
    expect(keyGuard(KEY).holds(`x ${KEY}`)).toBe(true);
  });
});

function cutAt(body: string, places: readonly number[]): string[] {
  const sorted = [0, ...places.toSorted((a, b) => a - b), body.length];
  return sorted.slice(1).map((place, i) => body.slice(sorted[i], place));
}
