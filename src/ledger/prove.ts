import { OperatorError } from "../base/errors.ts";
import { canonicalJson } from "../base/hash.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { newestCheckpoint } from "./checkpoints.ts";
import { hashLeaf, type Stored } from "./entry.ts";
import { ledgerDirectory } from "./open.ts";
import { FIRST, storedFrom } from "./segments.ts";
import { EMPTY_EDGE, extend, inclusionProof, rootOf, subtreesOf } from "./tree.ts";
import { keyFor } from "./verify.ts";

/**
 * A leaf with all that shows it to be in the log: `text` is a C2SP tlog-proof (c2sp.org/tlog-proof@v1) whose `extra`
 * line is the leaf; payload and salt lead to the leaf's `commit`.
 */
export type Proof = Stored & { text: string };

/**
 * Proofs of the wanted leaves under the newest checkpoint. Throws OperatorError when nothing is signed yet, a wanted
 * leaf is newer than the signature, or leaves and checkpoint do not agree. Empty when no leaf is wanted.
 */
export function proveLeaves(stateDir: string, isWanted: (stored: Stored) => boolean, publicKey?: string): Proof[] {
  const directory = ledgerDirectory(stateDir);
  const note = newestCheckpoint(directory);
  const key = keyFor(stateDir, publicKey);
  if (note === undefined || key === undefined) {
    throw new OperatorError("nothing in the log is signed yet", "a checkpoint is signed at the end of each cycle");
  }
  const opened = openCheckpoint(note, key);
  if (opened.status === "bad") throw disagree(`the newest checkpoint is bad: ${opened.reason}`);
  const { size, root } = opened.checkpoint;
  const hashes: Uint8Array[] = [];
  const wanted: Stored[] = [];
  for (const { stored } of storedFrom(directory, FIRST, 0)) {
    if (stored.leaf.seq < size) hashes.push(hashLeaf(stored.leaf));
    if (isWanted(stored)) wanted.push(stored);
  }
  if (!rootOf(hashes.reduce(extend, EMPTY_EDGE)).equals(root))
    throw disagree(`the first ${size} leaves are not those signed`);
  return wanted.map((stored) => ({ ...stored, text: proofText(stored, hashes, size, note) }));
}

function proofText(stored: Stored, hashes: Uint8Array[], size: number, note: string): string {
  const { seq } = stored.leaf;
  if (seq >= size) {
    const hint = "it is at the end of the cycle, or with the next approval";
    throw new OperatorError(`leaf ${seq} is not under a signed checkpoint yet`, hint);
  }
  const path = inclusionProof(subtreesOf(hashes), seq, size).map((hash) => Buffer.from(hash).toString("base64"));
  const extra = Buffer.from(canonicalJson(stored.leaf)).toString("base64");
  return ["c2sp.org/tlog-proof@v1", `extra ${extra}`, `index ${seq}`, ...path, "", note].join("\n");
}

function disagree(what: string): OperatorError {
  return new OperatorError(`the log proves nothing: ${what}`, "run weakdoor log verify");
}
