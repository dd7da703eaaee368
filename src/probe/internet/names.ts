import { createHash } from "node:crypto";

/**
 * Which address a name has in the simulated internet. Each has one of its own, as in the real one, because rules by address
 * tell names apart by nothing else; and the same in every run, because it stands in reports.
 */
export type Names = {
  addressOf: (name: string) => string;
  /** By name. */
  tell(): Record<string, string>;
};

const NAMES_MAX = 500;

export function newNames(): Names {
  const addresses = new Map<string, string>();
  const taken = new Set<string>();
  return {
    addressOf(name) {
      const known = addresses.get(name);
      if (known !== undefined) return known;
      let place = placeOf(name);
      while (taken.has(addressAt(place))) place = (place + 1) % PLACES;
      const address = addressAt(place);
      // Whoever is in the sandbox decides how many they are: one that is too many has an address, and is not remembered.
      if (addresses.size < NAMES_MAX) {
        addresses.set(name, address);
        taken.add(address);
      }
      return address;
    },
    tell: () => Object.fromEntries(addresses),
  };
}

/** 198.18.0.0/15 is for benchmarks of networks, and nobody's on the internet (RFC 2544, RFC 6890). */
const PLACES = 2 ** 17;

function placeOf(name: string): number {
  return createHash("sha256").update(name).digest().readUInt32BE(0) % PLACES;
}

function addressAt(place: number): string {
  return `198.${18 + (place >> 16)}.${(place >> 8) & 255}.${place & 255}`;
}
