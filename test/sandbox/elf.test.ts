import { expect, test } from "vitest";
import { OperatorError } from "../../src/base/errors.ts";
import { ELF_HEADERS, elfProgram } from "../../src/sandbox/elf.ts";

test("the code stands behind the headers, for the architecture that is named", () => {
  const [x64, arm64] = ["x64", "arm64"].map((arch) => elfProgram(Buffer.from("code"), arch));
  expect(x64?.subarray(ELF_HEADERS).toString()).toBe("code");
  expect([x64?.readUInt16LE(18), arm64?.readUInt16LE(18)]).toEqual([62, 183]);
});

test("another architecture is one line and a hint", () => {
  expect(() => elfProgram(Buffer.from("code"), "riscv64")).toThrow(OperatorError);
});
