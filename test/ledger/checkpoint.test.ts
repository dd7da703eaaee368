import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { formatLogKey, openCheckpoint, parseLogKey, signCheckpoint } from "../../src/ledger/checkpoint.ts";

const pair = generateKeyPairSync("ed25519");
const key = { name: "log.example/one", publicKey: pair.publicKey };
const head = { size: 20_852_163, root: Buffer.alloc(32, 7) };
const note = signCheckpoint(head, key, pair.privateKey);

test("a signed checkpoint opens to its origin, size and root", () => {
  expect(openCheckpoint(note, key)).toEqual({ status: "good", checkpoint: { origin: key.name, ...head } });
});

test("the example note of Go's sumdb/note has a signature that fits, over a text that is no checkpoint", () => {
  // Key, text and signature as published in the documentation of golang.org/x/mod/sumdb/note.
  const go = parseLogKey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  if (go === undefined) throw new Error("the published verifier key is not read");
  const text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
  const published = `${text}\n— PeterNeumann ${signature}\n`;
  expect(openCheckpoint(published, go)).toEqual({ status: "bad", reason: "the text is not origin, size and root" });
  expect(openCheckpoint(published.replace("your problem", "my problem"), go)).toEqual({
    status: "bad",
    reason: "the signature by PeterNeumann does not fit the text",
  });
});

test("a key reads back as what was written, and not when name, id or key is another", () => {
  const text = formatLogKey(key);
  expect(formatLogKey(parseLogKey(text) ?? { ...key, name: "none" })).toBe(text);
  expect(parseLogKey(text.replace("log.example", "log.invalid"))).toBeUndefined();
  expect(parseLogKey(text.replace(/\+[0-9a-f]{8}\+/, "+00000000+"))).toBeUndefined();
  expect(parseLogKey(text.slice(0, -5))).toBeUndefined();
  expect(parseLogKey("")).toBeUndefined();
});

test("every single changed, dropped or doubled byte is refused", () => {
  const bytes = Buffer.from(note);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    const dropped = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    const doubled = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + 1), bytes.subarray(at)]);
    for (const changed of [flipped, dropped, doubled]) {
      expect(openCheckpoint(changed.toString("utf8"), key).status, `byte ${at}`).toBe("bad");
    }
  }
});

const other = generateKeyPairSync("ed25519");
const [body = "", line = ""] = note.split("\n\n");
const witness = signCheckpoint(head, { name: "witness.example", publicKey: other.publicKey }, other.privateKey);
const witnessLine = witness.split("\n\n")[1] ?? "";

test.each([
  ["a witness beside it", `${body}\n\n${line}${witnessLine}`, "good"],
  ["only a witness", `${body}\n\n${witnessLine}`, "bad"],
  ["the same signature twice", `${body}\n\n${line}${line}`, "bad"],
  ["the right key under another name", signCheckpoint(head, { ...key, name: "b" }, pair.privateKey), "bad"],
  ["another key under the right name", signCheckpoint(head, key, other.privateKey), "bad"],
  ["CRLF", note.replaceAll("\n", "\r\n"), "bad"],
  ["a hyphen for the dash", note.replace("—", "-"), "bad"],
  ["no end of line", note.slice(0, -1), "bad"],
  ["nothing", "", "bad"],
] as const)("a note with %s is %s", (_, text, status) => {
  expect(openCheckpoint(text, key).status).toBe(status);
});

test.each([
  ["a leading zero", "01"],
  ["a sign", "+1"],
  ["a fraction", "1.0"],
  ["another script's digits", "١"],
])("a size with %s is refused even when it is signed", (_, size) => {
  const forged = signCheckpoint({ ...head, size: size as unknown as number }, key, pair.privateKey);
  expect(openCheckpoint(forged, key)).toEqual({ status: "bad", reason: "the text is not origin, size and root" });
});
