import type { Part } from "./examine.ts";

/**
 * Heads and paths that were searched and are clean, of those that were asked for last: a client sends the same headers with every
 * request and asks most often for the same few paths. What held anything, or is long, is searched each time.
 */
export type KeptParts = {
  /** @param text all that `search` reads. */
  part(where: "path" | "headers", text: string, search: () => Part): Part;
};

const KEPT_MAX = 128;
const TEXT_CHARS_MAX = 4_096;

export function keptParts(): KeptParts {
  const kept = { path: new Map<string, Part>(), headers: new Map<string, Part>() };
  return {
    part(where, text, search) {
      const parts = kept[where];
      const known = parts.get(text);
      if (known !== undefined) return known;
      const part = search();
      const isClean = part.whole.length === 0 && part.joined.length === 0 && part.faults.length === 0;
      if (!isClean || text.length > TEXT_CHARS_MAX) return part;
      for (const oldest of parts.keys()) {
        if (parts.size < KEPT_MAX) break;
        parts.delete(oldest);
      }
      parts.set(text, part);
      return part;
    },
  };
}
