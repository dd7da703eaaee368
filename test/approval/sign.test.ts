import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readRoster } from "../../src/approval/roster.ts";
import { checkSignature, type SshTool, signText } from "../../src/approval/sign.ts";
import { makeKey } from "../support/approval/samples.ts";
import { temporaryFolder } from "../support/ledger/logs.ts";

const TOOL: SshTool = { program: "ssh-keygen", session: {} };
const never = new AbortController().signal;

async function signed(text: string, name = "ada") {
  const folder = temporaryFolder();
  const key = makeKey(folder, name);
  const signature = { status: "signed" as const, sshsig: await signText(text, key.path, TOOL, never) };
  return { folder, key, signature };
}

function roster(people: Record<string, string[]>) {
  const folder = temporaryFolder();
  const lines = Object.entries(people).map(
    ([id, keys]) => `  - id: ${id}\n    keys:\n${keys.map((k) => `      - ${k}\n`).join("")}`,
  );
  writeFileSync(join(folder, "roster.yaml"), `version: 1\npeople:\n${lines.join("")}`);
  return readRoster(folder);
}

test("a signature is good over its own bytes and bad over any other", async () => {
  const { signature } = await signed("the statement");
  expect(await checkSignature("the statement", signature, undefined)).toMatchObject({ status: "good", person: null });
  expect(await checkSignature("the statement ", signature, undefined)).toMatchObject({ status: "bad" });
  expect(await checkSignature("", signature, undefined)).toMatchObject({ status: "bad" });
  expect(await checkSignature("the statement", { ...signature, sshsig: "nothing" }, undefined)).toMatchObject({
    status: "bad",
  });
});

test("with a roster only its keys are known, and by the person's id, whichever of their keys it was", async () => {
  const { folder, key, signature } = await signed("x");
  const other = makeKey(folder, "other");
  const known = roster({
    grace: [other.publicKey],
    "ada@lab.example": [makeKey(folder, "second").publicKey, key.publicKey],
  });
  expect(await checkSignature("x", signature, known)).toMatchObject({ status: "good", person: "ada@lab.example" });
  expect(await checkSignature("x", signature, roster({ grace: [other.publicKey] }))).toMatchObject({
    status: "stranger",
  });
  expect(await checkSignature("y", signature, known)).toMatchObject({ status: "bad" });
});

test("a signature made for another purpose with the same key is none", async () => {
  const { key } = await signed("x");
  const { exec } = await import("../../src/base/exec.ts");
  const made = await exec(["ssh-keygen", "-Y", "sign", "-n", "git", "-f", key.path], { stdin: "x" });
  const signature = { status: "signed" as const, sshsig: made.stdout };
  expect(await checkSignature("x", signature, undefined)).toMatchObject({ status: "bad" });
});

test("a key that is not there, is no key, or wants a passphrase with no terminal to ask on is the operator's to put right", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "text"), "no key", { mode: 0o600 });
  const locked = makeKey(folder, "locked", "long enough");
  for (const path of [join(folder, "nowhere"), join(folder, "text"), locked.path]) {
    await expect(
      signText("x", path, { ...TOOL, session: { SSH_ASKPASS_REQUIRE: "force", SSH_ASKPASS: "/bin/false" } }, never),
    ).rejects.toThrow("ssh-keygen did not sign with");
  }
});

test("without ssh-keygen nothing is signed, and a signature is not checked rather than bad", async () => {
  const { key, signature } = await signed("x");
  const none = { ...TOOL, program: "ssh-keygen-that-is-not-there" };
  await expect(signText("x", key.path, none, never)).rejects.toThrow("ssh-keygen is not installed");
  expect(await checkSignature("x", signature, undefined, none.program)).toMatchObject({ status: "not-checked" });
});

const KEY = ["ssh-ed25519", "A".repeat(68)].join(" ");

test.each([
  ["no people", "version: 1\npeople: []\n", "people"],
  ["an unknown key", `version: 1\npeople:\n  - id: a\n    keys: [${KEY}]\n    role: x\n`, "unknown key"],
  ["an id with a comma", `version: 1\npeople:\n  - id: a,b\n    keys: [${KEY}]\n`, "is not valid"],
  ["an id that is a pattern", `version: 1\npeople:\n  - id: "*"\n    keys: [${KEY}]\n`, "is not valid"],
  ["a key with options", `version: 1\npeople:\n  - id: a\n    keys: ['cert-authority ${KEY}']\n`, "is not valid"],
  ["a key with a second line", `version: 1\npeople:\n  - id: a\n    keys: ["${KEY}\\nb ${KEY}"]\n`, "is not valid"],
  [
    "one key of two people",
    `version: 1\npeople:\n  - id: a\n    keys: [${KEY} x]\n  - id: b\n    keys: [${KEY} y]\n`,
    "stands there twice",
  ],
  [
    "one person twice",
    `version: 1\npeople:\n  - {id: a, keys: [${KEY}]}\n  - {id: a, keys: [${KEY}B]}\n`,
    "stands there twice",
  ],
  ["nothing in it", "", "roster.yaml"],
  ["broken YAML", "version: [1\n", "roster.yaml"],
])("a roster with %s is refused, never taken for none", (_, text, what) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "roster.yaml"), text);
  expect(() => readRoster(folder)).toThrow(what);
});

test("no roster is no roster", () => {
  expect(readRoster(temporaryFolder())).toBeUndefined();
});
