import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CloneNotClean, prove } from "../../../src/stack/strip/proof.ts";

const VALUE = "Zr7-4f9a2b_c81d";
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "weakdoor-proof-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const run = (signal = AbortSignal.timeout(20_000)) => prove(root, [{ text: VALUE, kind: "password" }], signal);
const b64 = (bytes: string | Buffer) => Buffer.from(bytes).toString("base64");

test.each<[string, string | Buffer]>([
  ["plain", `x ${VALUE} y`],
  ["backwards", VALUE.split("").toReversed().join("")],
  ["in base64, first cut", b64(VALUE)],
  ["in base64, second cut", b64(`a${VALUE}z`)],
  ["in base64, third cut", b64(`ab${VALUE}z`)],
  ["in base64url", Buffer.from(`~~${VALUE}`).toString("base64url")],
  ["in wrapped base64", b64(`-- long line -- ${VALUE} -- long line --`).replaceAll(/.{20}/g, "$&\n  ")],
  ["in base64 of base64", b64(b64(VALUE))],
  ["in hex", Buffer.from(VALUE).toString("hex")],
  ["in hex with spaces", Buffer.from(VALUE).toString("hex").replaceAll(/../g, "$& ")],
  ["percent-encoded", [...Buffer.from(VALUE)].map((byte) => `%${byte.toString(16)}`).join("")],
  [
    "in unicode escapes",
    VALUE.split("")
      .map((c) => `\\u00${c.charCodeAt(0).toString(16)}`)
      .join(""),
  ],
  [
    "in HTML entities",
    VALUE.split("")
      .map((c) => `&#${c.charCodeAt(0)};`)
      .join(""),
  ],
  ["in gzip", gzipSync(`a ${VALUE}`)],
  ["in gzip behind other bytes", Buffer.concat([Buffer.from("head"), gzipSync(VALUE)])],
  ["in a git object", deflateSync(`blob 15\0${VALUE}`)],
  ["in base64 of gzip", b64(gzipSync(VALUE))],
])("a value left %s is found, and the error says neither it nor more than file and kind", async (_name, bytes) => {
  mkdirSync(join(root, "deep"));
  writeFileSync(join(root, "deep/file.txt"), bytes);
  const thrown = await run().catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(CloneNotClean);
  expect(thrown).toMatchObject({ file: "deep/file.txt", kind: "password" });
  expect(JSON.stringify([String(thrown), thrown])).not.toContain(VALUE);
});

test("a value left in a name or in a link's end is found, and not printed", async () => {
  writeFileSync(join(root, `of-${VALUE}`), "");
  const named = await run().catch((error: unknown) => error);
  expect(named).toBeInstanceOf(CloneNotClean);
  expect(String(named)).not.toContain(VALUE);
  rmSync(join(root, `of-${VALUE}`));
  symlinkSync(VALUE, join(root, "link"));
  await expect(run()).rejects.toThrow(CloneNotClean);
});

test("a clean clone is counted: files and bytes", async () => {
  writeFileSync(join(root, "a"), "1234");
  mkdirSync(join(root, "d"));
  writeFileSync(join(root, "d/b"), VALUE.slice(0, -1));
  expect(await run()).toEqual({ files: 2, bytes: 4 + VALUE.length - 1 });
});

test("a stopped proof proves nothing", async () => {
  writeFileSync(join(root, "a"), "1234");
  await expect(run(AbortSignal.abort(new Error("stop")))).rejects.toThrow(/stop/);
});
