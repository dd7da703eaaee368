import { assert, integer, nat, property } from "fast-check";
import { expect, test } from "vitest";
import {
  consistencyProof,
  EMPTY_EDGE,
  extend,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  nodeHash,
  rootOf,
  subtreesOf,
  subtreesSince,
} from "../../src/ledger/tree.ts";

/** The eight leaves, and the roots and proofs over them, of the certificate-transparency reference implementation. */
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const INCLUSION = [
  {
    index: 0,
    size: 8,
    proof: [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  },
  {
    index: 5,
    size: 8,
    proof: [
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  },
];
const CONSISTENCY = [
  { older: 1, size: 1, proof: [] },
  {
    older: 1,
    size: 8,
    proof: [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  },
  {
    older: 6,
    size: 8,
    proof: [
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  },
  {
    older: 2,
    size: 5,
    proof: [
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
  },
];

const hashes = LEAVES.map((hex) => leafHash(Buffer.from(hex, "hex")));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const root = (size: number) => Buffer.from(ROOTS[size] ?? "", "hex");

test.each(ROOTS.map((want, size) => ({ want, size })))(
  "the root of $size reference leaves is as published",
  (row) => {
    expect(hex(rootOf(hashes.slice(0, row.size).reduce(extend, EMPTY_EDGE)))).toBe(row.want);
  },
);

test.each(INCLUSION)("the published inclusion proof of leaf $index in $size is made and accepted", (row) => {
  const proof = inclusionProof(subtreesOf(hashes), row.index, row.size);
  expect(proof.map(hex)).toEqual(row.proof);
  const leaf = hashes[row.index] ?? Buffer.alloc(0);
  expect(isIncluded({ leaf, index: row.index, size: row.size, root: root(row.size), proof })).toBe(true);
});

test.each(CONSISTENCY)("the published consistency proof from $older to $size is made and accepted", (row) => {
  const proof = consistencyProof(subtreesOf(hashes), row.older, row.size);
  expect(proof.map(hex)).toEqual(row.proof);
  const older = { size: row.older, root: root(row.older) };
  expect(isConsistent(older, { size: row.size, root: root(row.size) }, proof)).toBe(true);
});

test("a leaf that spells a node's input does not have the node's hash", () => {
  const [a, b] = [leafHash(Buffer.from("a")), leafHash(Buffer.from("b"))];
  expect(leafHash(Buffer.concat([a, b]))).not.toEqual(nodeHash(a, b));
});

/** The recursive definition, word for word from RFC 6962 2.1, against which the incremental one is held. */
function plainRoot(leaves: Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (only === undefined) return rootOf(EMPTY_EDGE);
  if (leaves.length === 1) return only;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(plainRoot(leaves.slice(0, k)), plainRoot(leaves.slice(k)));
}

const many = Array.from({ length: 70 }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));

test("for every size up to 70, root and all proofs hold, also when made from the edge alone", () => {
  for (let size = 0; size <= many.length; size++) {
    const tree = many.slice(0, size);
    const newer = { size, root: plainRoot(tree) };
    expect(rootOf(tree.reduce(extend, EMPTY_EDGE))).toEqual(newer.root);
    for (let older = 0; older <= size; older++) {
      const edge = many.slice(0, older).reduce(extend, EMPTY_EDGE);
      const proof = consistencyProof(subtreesSince(edge, tree.slice(older)), older, size);
      expect(proof).toEqual(consistencyProof(subtreesOf(tree), older, size));
      expect(isConsistent({ size: older, root: rootOf(edge) }, newer, proof)).toBe(true);
    }
    for (const [index, leaf] of tree.entries()) {
      const proof = inclusionProof(subtreesOf(tree), index, size);
      expect(isIncluded({ leaf, index, ...newer, proof })).toBe(true);
    }
  }
});

test("no flipped bit, dropped, added or moved hash passes for a proof", () => {
  const size = many.length;
  const newer = { size, root: plainRoot(many) };
  assert(
    property(integer({ min: 1, max: size - 1 }), nat(), nat(7), nat(3), (at, where, bit, how) => {
      const older = { size: at, root: plainRoot(many.slice(0, at)) };
      const consistency = consistencyProof(subtreesOf(many), at, size);
      expect(isConsistent(older, newer, broken(consistency, where, bit, how))).toBe(false);
      const inclusion = inclusionProof(subtreesOf(many), at, size);
      const claim = { leaf: many[at] ?? Buffer.alloc(0), index: at, ...newer };
      expect(isIncluded({ ...claim, proof: broken(inclusion, where, bit, how) })).toBe(false);
      expect(isIncluded({ ...claim, index: at - 1, proof: inclusion })).toBe(false);
    }),
    { numRuns: 300 },
  );
});

function broken(proof: Uint8Array[], where: number, bit: number, how: number): Uint8Array[] {
  const at = where % proof.length;
  if (how === 0) return proof.filter((_, i) => i !== at);
  if (how === 1) return [...proof, Buffer.alloc(32)];
  if (how === 2 && proof.length > 1) return [...proof.slice(1), ...proof.slice(0, 1)];
  return proof.map((hash, i) =>
    i === at ? Buffer.from(hash.map((byte, j) => (j === 7 ? byte ^ (1 << bit) : byte))) : hash,
  );
}

test("a fork is not consistent, whichever proof is offered", () => {
  const fork = [...many.slice(0, 40), leafHash(Buffer.from("another")), ...many.slice(41)];
  const older = { size: 50, root: plainRoot(many.slice(0, 50)) };
  const newer = { size: 70, root: plainRoot(fork) };
  for (const tree of [many, fork]) {
    expect(isConsistent(older, newer, consistencyProof(subtreesOf(tree), 50, 70))).toBe(false);
  }
});
