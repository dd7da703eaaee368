import { createHash } from "node:crypto";

/**
 * The Merkle tree of RFC 6962: a leaf is SHA-256(0x00 ‖ bytes), a node SHA-256(0x01 ‖ left ‖ right), so that no leaf
 * can pass for a node. Sizes and positions are plain numbers below 2^53; shifts are written as divisions for that.
 */

export const HASH_BYTES = 32;

export function leafHash(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(LEAF).update(bytes).digest();
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash("sha256").update(NODE).update(left).update(right).digest();
}

/** What is needed to go on: the roots of the perfect subtrees that make up the tree, largest (leftmost) first. */
export type Edge = { size: number; hashes: readonly Uint8Array[] };

export const EMPTY_EDGE: Edge = { size: 0, hashes: [] };

/** The edge after one leaf more. */
export function extend(edge: Edge, leaf: Uint8Array): Edge {
  const hashes = [...edge.hashes];
  let right = leaf;
  // Each trailing one-bit of the old size is a subtree as large as the one just made.
  for (let rest = edge.size; rest % 2 === 1; rest = (rest - 1) / 2) {
    const left = hashes.pop();
    if (left === undefined) throw new RangeError(`an edge of ${edge.size} leaves has too few hashes`);
    right = nodeHash(left, right);
  }
  hashes.push(right);
  return { size: edge.size + 1, hashes };
}

/** The root; of an empty tree, the hash of nothing. */
export function rootOf(edge: Edge): Buffer {
  const last = edge.hashes.at(-1);
  if (last === undefined) return createHash("sha256").digest();
  return Buffer.from(edge.hashes.slice(0, -1).reduceRight<Uint8Array>((root, left) => nodeHash(left, root), last));
}

/** The root over leaves `from` (inclusive) to `to` (exclusive). */
export type Subtree = (from: number, to: number) => Uint8Array;

/** Subtrees of a tree whose leaf hashes are all at hand. */
export function subtreesOf(leaves: readonly Uint8Array[]): Subtree {
  return (from, to) => rootOf(leaves.slice(from, to).reduce(extend, EMPTY_EDGE));
}

/**
 * Subtrees of a tree of which only the edge at an earlier size and the leaves since are at hand: enough for a
 * consistency proof from that size. Throws RangeError for a subtree that straddles it.
 */
export function subtreesSince(edge: Edge, leaves: readonly Uint8Array[]): Subtree {
  const since = subtreesOf(leaves);
  const pieces = new Map<string, Uint8Array>();
  let start = 0;
  for (const hash of edge.hashes) {
    const width = largestPowerUpTo(edge.size - start);
    pieces.set(`${start}-${start + width}`, hash);
    start += width;
  }
  return (from, to) => {
    if (from >= edge.size) return since(from - edge.size, to - edge.size);
    const piece = pieces.get(`${from}-${to}`);
    if (piece === undefined) throw new RangeError(`leaves ${from} to ${to} are no piece of the edge at ${edge.size}`);
    return piece;
  };
}

/** RFC 6962 2.1.1: the hashes that lead from leaf `index` to the root of the tree of `size` leaves. */
export function inclusionProof(subtree: Subtree, index: number, size: number): Uint8Array[] {
  if (index >= size) throw new RangeError(`leaf ${index} is not in a tree of ${size}`);
  const path = (from: number, to: number): Uint8Array[] => {
    if (to - from === 1) return [];
    const middle = from + largestPowerBelow(to - from);
    if (index < middle) return [...path(from, middle), subtree(middle, to)];
    return [...path(middle, to), subtree(from, middle)];
  };
  return path(0, size);
}

/** RFC 6962 2.1.2: the hashes that show the first `older` leaves of the tree of `size` to be the older tree. */
export function consistencyProof(subtree: Subtree, older: number, size: number): Uint8Array[] {
  if (older > size) throw new RangeError(`a tree of ${size} extends none of ${older}`);
  if (older === 0 || older === size) return [];
  const proof = (from: number, to: number, isWholeOlder: boolean): Uint8Array[] => {
    if (older === to) return isWholeOlder ? [] : [subtree(from, to)];
    const middle = from + largestPowerBelow(to - from);
    if (older <= middle) return [...proof(from, middle, isWholeOlder), subtree(middle, to)];
    return [...proof(middle, to, false), subtree(from, middle)];
  };
  return proof(0, size, true);
}

/** RFC 9162 2.1.3.2. */
export function isIncluded(claim: {
  leaf: Uint8Array;
  index: number;
  size: number;
  root: Uint8Array;
  proof: readonly Uint8Array[];
}): boolean {
  if (claim.index >= claim.size) return false;
  let at = claim.index;
  let last = claim.size - 1;
  let hash: Uint8Array = claim.leaf;
  for (const sibling of claim.proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && isSame(hash, claim.root);
}

export type TreeHead = { size: number; root: Uint8Array };

/** RFC 9162 2.1.4.2, with the empty tree, of which every tree is an extension, and equal sizes added. */
export function isConsistent(older: TreeHead, newer: TreeHead, proof: readonly Uint8Array[]): boolean {
  if (older.size > newer.size) return false;
  if (older.size === newer.size) return proof.length === 0 && isSame(older.root, newer.root);
  if (older.size === 0) return proof.length === 0 && isSame(older.root, rootOf(EMPTY_EDGE));
  const isPower = largestPowerUpTo(older.size) === older.size;
  const [first, ...rest] = isPower ? [older.root, ...proof] : proof;
  if (first === undefined) return false;
  let at = older.size - 1;
  let last = newer.size - 1;
  while (at % 2 === 1) [at, last] = [(at - 1) / 2, Math.floor(last / 2)];
  let olderRoot = first;
  let newerRoot = first;
  for (const hash of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      olderRoot = nodeHash(hash, olderRoot);
      newerRoot = nodeHash(hash, newerRoot);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      newerRoot = nodeHash(newerRoot, hash);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && isSame(olderRoot, older.root) && isSame(newerRoot, newer.root);
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The largest power of two that is at most n, for n ≥ 1. */
function largestPowerUpTo(n: number): number {
  let power = 1;
  while (power * 2 <= n) power *= 2;
  return power;
}

/** The largest power of two that is smaller than n, for n ≥ 2. */
function largestPowerBelow(n: number): number {
  return largestPowerUpTo(n - 1);
}
