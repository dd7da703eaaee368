import { appendFileSync, chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperatorError } from "../../src/base/errors.ts";
import { loadMasterKey } from "../../src/canaries/key.ts";
import { rememberedFakes, rememberFakes } from "../../src/canaries/registry.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "weakdoor-canaries-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const fake = { id: "fk-0123456789", kind: "password", value: "aaaa1111", cycle: "c1", file: "home/.env" };

test("the key is made once, is 32 bytes, and only its owner may read it", () => {
  const key = loadMasterKey(join(state, "new"));
  expect(key).toHaveLength(32);
  expect(loadMasterKey(join(state, "new")).equals(key)).toBe(true);
  expect(statSync(join(state, "new/canaries.key")).mode & 0o777).toBe(0o600);
});

test("a key that others may read, that is short, or that is a link is refused", () => {
  const path = join(state, "canaries.key");
  loadMasterKey(state);
  chmodSync(path, 0o644);
  expect(() => loadMasterKey(state)).toThrow(OperatorError);
  writeFileSync(path, "short");
  chmodSync(path, 0o600);
  expect(() => loadMasterKey(state)).toThrow(OperatorError);
  rmSync(path);
  writeFileSync(join(state, "elsewhere"), Buffer.alloc(32), { mode: 0o600 });
  symlinkSync(join(state, "elsewhere"), path);
  expect(() => loadMasterKey(state)).toThrow(/link/);
});

test("fakes of several cycles are remembered in order", () => {
  expect(rememberedFakes(state)).toEqual([]);
  rememberFakes(state, [fake]);
  rememberFakes(state, [{ ...fake, id: "fk-ffffffffff", cycle: "c2" }]);
  expect(rememberedFakes(state).map((row) => row.cycle)).toEqual(["c1", "c2"]);
});

test("a line cut off by a crash is left out; a broken line in the middle is named", () => {
  rememberFakes(state, [fake]);
  appendFileSync(join(state, "fakes.jsonl"), '{"id":"fk-');
  expect(rememberedFakes(state)).toEqual([fake]);
  appendFileSync(join(state, "fakes.jsonl"), "\n");
  expect(() => rememberedFakes(state)).toThrow(/line 2/);
});
