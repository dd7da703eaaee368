import { sha256Hex } from "../../base/hash.ts";

/** `count` of them, decided by the seed alone: in the order of the hash of seed and name. */
export function pick<T extends { name: string }>(from: readonly T[], count: number, seed: string): T[] {
  const rank = new Map(from.map((one) => [one, sha256Hex(`${seed}\n${one.name}`)]));
  return from.toSorted((a, b) => ((rank.get(a) ?? "") < (rank.get(b) ?? "") ? -1 : 1)).slice(0, count);
}
