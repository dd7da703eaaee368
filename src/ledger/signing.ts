import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { errnoOf, messageOf, OperatorError } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { formatLogKey, isLogName, type LogKey, signCheckpoint } from "./checkpoint.ts";
import { type Lock, openLock } from "./lock.ts";
import { type SignerAnswer, SignerRequest } from "./signer.ts";
import { EMPTY_EDGE, isConsistent, rootOf, type TreeHead } from "./tree.ts";

/**
 * What the signer knows and does. Its directory holds `key` (0600), `key.pub` for whoever checks, and `last.json`,
 * the size and root signed last, which is on the disk before a signature leaves. So even whoever rules the
 * orchestrator gets one history signed and never a second. A signer that has its key and not its memory refuses.
 */
export type SigningState = {
  /** Never throws on what it is sent. */
  answer(line: string): SignerAnswer;
};

/** Nothing is touched before the first question. `origin` names a new key; "" lets the key's own hash name it. */
export function openSigningState(directory: string, origin: string): SigningState {
  let lock: Lock | undefined;
  return {
    answer(line) {
      const request = SignerRequest.safeParse(jsonOf(line));
      if (!request.success) return { status: "refused", reason: "not a request" };
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        lock ??= openLock(join(directory, "lock"));
        return lock.hold(() => decide(directory, origin, request.data));
      } catch (thrown) {
        return { status: "failed", reason: messageOf(thrown).slice(0, 500) };
      }
    },
  };
}

export const SIGNER_KEY_PUB = "key.pub";

function decide(directory: string, origin: string, request: SignerRequest): SignerAnswer {
  const { key, privateKey } = openKey(directory, origin);
  const last = readLast(directory);
  if (last === undefined) return { status: "refused", reason: "the signer has lost its memory of what it signed" };
  if (request.ask === "last") {
    return { status: "last", size: last.size, root: Buffer.from(last.root).toString("base64") };
  }
  if (request.from !== last.size) return { status: "moved" };
  const head = { size: request.size, root: Buffer.from(request.root, "base64") };
  const proof = request.proof.map((hash) => Buffer.from(hash, "base64"));
  if (!isConsistent(last, head, proof)) {
    return { status: "refused", reason: `not an extension of the ${last.size} leaves signed before` };
  }
  writeLast(directory, head);
  return { status: "signed", note: signCheckpoint(head, key, privateKey) };
}

function openKey(directory: string, origin: string): { key: LogKey; privateKey: KeyObject } {
  const path = join(directory, "key");
  if (!existsSync(path)) makeKey(directory, path, origin);
  const { name, pem } = KeyFile.parse(JSON.parse(readFileSync(path, "utf8")));
  if (origin !== "" && origin !== name) throw new Error(`the log is called ${name} and not ${origin}`);
  const privateKey = createPrivateKey(pem);
  return { key: { name, publicKey: createPublicKey(privateKey) }, privateKey };
}

/** The memory first: a key without one would refuse for ever, a memory of nothing signed is harmless. */
function makeKey(directory: string, path: string, origin: string): void {
  if ((readLast(directory)?.size ?? 0) > 0) throw new Error("the signer's key is gone");
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const hash = formatLogKey({ name: "weakdoor", publicKey }).split("+")[1];
  const name = origin === "" ? `weakdoor/${hash}` : origin;
  if (!isLogName(name)) throw new OperatorError(`not a name for a log: ${name}`, "use letters, digits and ./_-");
  writeLast(directory, { size: 0, root: rootOf(EMPTY_EDGE) });
  writeDurably(join(directory, SIGNER_KEY_PUB), `${formatLogKey({ name, publicKey })}\n`, 0o644);
  writeDurably(path, JSON.stringify({ name, pem: privateKey.export({ format: "pem", type: "pkcs8" }) }), 0o600);
}

const KeyFile = z.strictObject({ name: z.string(), pem: z.string() });

const Last = z.strictObject({ size: z.int().nonnegative(), root: z.base64() });

/** Undefined when nothing is there; throws when it cannot be read. */
export function readLast(directory: string): TreeHead | undefined {
  try {
    const last = Last.parse(JSON.parse(readFileSync(join(directory, "last.json"), "utf8")));
    return { size: last.size, root: Buffer.from(last.root, "base64") };
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

function writeLast(directory: string, head: TreeHead): void {
  const root = Buffer.from(head.root).toString("base64");
  writeDurably(join(directory, "last.json"), `${JSON.stringify({ size: head.size, root })}\n`);
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
