import * as fc from "fast-check";
import { expect, test } from "vitest";
import { formFaultOf, upgradeOf } from "../../../src/egress/form.ts";
import { frameReader } from "../../../src/egress/tunnel/frameReader.ts";
import { frame, OPCODE, type Slice, WEBSOCKET_FAULTS } from "../../../src/egress/tunnel/frames.ts";

/** Messages as a reader would have them, whole; or the fault that it ended with. */
function readAll(
  bytes: Buffer,
  sizes: readonly number[],
  isMasked: boolean,
): { messages: string[]; fault: string | null } {
  const reader = frameReader(isMasked);
  const messages: string[] = [];
  let held = "";
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    for (const read of reader.read(bytes.subarray(at, at + size))) {
      if (read.status === "faulty") return { messages, fault: read.reason };
      const { opcode, payload, isFinal } = read.slice;
      if (opcode >= OPCODE.close) messages.push(`${opcode} ${payload.toString("latin1")}`);
      else {
        held =
          opcode === OPCODE.continuation
            ? held + payload.toString("latin1")
            : `${opcode} ${payload.toString("latin1")}`;
        if (isFinal) messages.push(held);
      }
    }
    at += size;
  }
  return { messages, fault: null };
}

const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
const payload = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const message = fc.record({
  opcode: fc.constantFrom(1, 2),
  parts: fc.array(payload, { minLength: 1, maxLength: 4 }),
});
const ping = fc.uint8Array({ maxLength: 125 }).map((bytes) => ({ opcode: 9, parts: [Buffer.from(bytes)] }));

function framesOf({ opcode, parts }: { opcode: number; parts: readonly Buffer[] }): Slice[] {
  return parts.map((part, i) => ({
    opcode: i === 0 ? opcode : OPCODE.continuation,
    payload: part,
    isFinal: i === parts.length - 1,
  }));
}

test("what was written is read, however it is cut and whoever wrote it (5,000 cases)", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(message, ping), { maxLength: 5 }), sizes, fc.boolean(), (all, cuts, isMasked) => {
      const bytes = Buffer.concat(all.flatMap((one) => framesOf(one).map((slice) => frame(slice, isMasked))));
      const written = all.map(({ opcode, parts }) => `${opcode} ${Buffer.concat(parts).toString("latin1")}`);
      expect(readAll(bytes, cuts, isMasked)).toEqual({ messages: written, fault: null });
    }),
    { numRuns: 5_000 },
  );
});

test.each([126, 65_535, 65_536, 200_000])("a frame of %i bytes, too", (length) => {
  const bytes = frame({ opcode: 2, payload: Buffer.alloc(length, 7), isFinal: true }, true);
  const { messages, fault } = readAll(bytes, [1_000, 1, 60_000], true);
  expect([messages[0]?.length, fault]).toEqual([length + 2, null]);
});

test("no bytes whatever make the reader throw, and it reads them alike however they are cut (10,000 cases)", () => {
  let faulty = 0;
  const odd = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    // Nearly right: one byte of a good frame is another.
    fc
      .tuple(payload, fc.nat(12), fc.integer({ min: 0, max: 255 }), fc.boolean())
      .map(([inner, at, value, isMasked]) => {
        const bytes = frame({ opcode: 1, payload: inner, isFinal: true }, isMasked);
        if (at < bytes.length) bytes[at] = value;
        return bytes;
      }),
  );
  fc.assert(
    fc.property(odd, sizes, fc.boolean(), (given, cuts, isMasked) => {
      const bytes = Buffer.from(given);
      const whole = readAll(bytes, [bytes.length || 1], isMasked);
      expect(readAll(bytes, cuts, isMasked)).toEqual(whole);
      if (whole.fault !== null) faulty++;
      expect([null, ...WEBSOCKET_FAULTS]).toContain(whole.fault);
    }),
    { numRuns: 10_000 },
  );
  expect(faulty).toBeGreaterThan(500);
});

test("a head that asks for anything but one websocket in its one form is no websocket (20,000 cases)", () => {
  const right: readonly (readonly [string, string])[] = [
    ["host", "api.example"],
    ["connection", "Upgrade"],
    ["upgrade", "websocket"],
    ["sec-websocket-version", "13"],
    ["sec-websocket-key", Buffer.alloc(16, 7).toString("base64")],
  ];
  const raw = (fields: readonly (readonly [string, string])[]) => fields.flat();
  const line = { url: "/x", httpVersion: "1.1" };
  expect(upgradeOf("GET", raw(right))).toBe("websocket");
  expect(formFaultOf({ ...line, method: "GET", rawHeaders: raw(right) })).toBeUndefined();
  const value = fc.constantFrom(
    "websocket",
    "h2c",
    "Upgrade",
    "close",
    "13",
    "8",
    "3",
    "chunked",
    "",
    "websocket, h2c",
  );
  const name = fc.constantFrom(...right.map(([one]) => one), "content-length", "transfer-encoding", "http2-settings");
  const change = fc.oneof(
    fc.record({ kind: fc.constant("drop"), at: fc.nat(4) }),
    fc.record({ kind: fc.constant("put"), name, value }),
    fc.record({ kind: fc.constant("replace"), at: fc.nat(4), value }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), fc.constantFrom("GET", "POST", "get"), (changes, method) => {
      let fields = [...right];
      for (const one of changes) {
        if ("name" in one) fields.push([one.name, one.value]);
        else if ("value" in one) fields = fields.map((field, i) => (i === one.at ? [field[0], one.value] : field));
        else fields = fields.filter((_, i) => i !== one.at);
      }
      const of = (wanted: string) => fields.filter(([one]) => one === wanted).map(([, text]) => text.toLowerCase());
      const isOne = upgradeOf(method, raw(fields)) !== undefined;
      const isRight =
        method === "GET" &&
        ["upgrade", "sec-websocket-version", "sec-websocket-key"].every((one) => of(one).length === 1) &&
        ["content-length", "transfer-encoding"].every((one) => of(one).length === 0) &&
        of("upgrade")[0] === "websocket" &&
        of("sec-websocket-version")[0] === "13" &&
        of("sec-websocket-key")[0] === right[4]?.[1].toLowerCase() &&
        of("connection").includes("upgrade");
      expect(isOne).toBe(isRight);
      // Whatever asks for something else, or for two things, is refused for its form.
      const isRefused = formFaultOf({ ...line, method, rawHeaders: raw(fields) }) !== undefined;
      expect(isRefused || isOne || of("upgrade").length === 0).toBe(true);
    }),
    { numRuns: 20_000 },
  );
});
