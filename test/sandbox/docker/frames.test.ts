import { expect, test } from "vitest";
import { unframed } from "../../../src/sandbox/docker/frames.ts";
import { frame } from "../../support/dockerFrame.ts";

function parted(bytes: Buffer, size: number): { stdout: Buffer; stderr: Buffer } {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  // Copies: what is handed on is the taker's only until it returns.
  const feed = unframed({
    stdout: (part) => void stdout.push(Buffer.from(part)),
    stderr: (part) => void stderr.push(Buffer.from(part)),
  });
  const piece = Buffer.alloc(size);
  for (let at = 0; at < bytes.length; at += size) feed(piece.subarray(0, bytes.copy(piece, 0, at, at + size)));
  return { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}

test.each([1, 3, 7, 8, 9, 1_000])("output comes whole and apart from errors, in pieces of %d bytes", (size) => {
  const frames = [frame(1, "ab"), frame(2, "oops"), frame(1, ""), frame(1, "c".repeat(300)), frame(2, "!")];
  const { stdout, stderr } = parted(Buffer.concat(frames), size);
  expect(stdout.toString()).toBe(`ab${"c".repeat(300)}`);
  expect(stderr.toString()).toBe("oops!");
});

test("bytes that are no text come through unchanged", () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  expect(parted(frame(1, all), 1_000).stdout).toEqual(all);
});

test("a stream that does not exist is no frame", () => {
  expect(() => parted(frame(9, "x"), 1_000)).toThrow("unknown kind 9");
});
