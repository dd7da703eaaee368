import { askWritable, isKept, resolvePlace, unplaced } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, named } from "../row.ts";
import { MEMORY_STORES } from "./memory-places.ts";

export const memoryStore: Check = {
  id: "memory-store",
  category: "memory",
  why: "What one run leaves in an agent's memory, the next one reads as its own: an instruction that was planted once stays.",
  misses:
    "Stores that are not in the table, and those that an agent keeps with its maker. In a cycle memory-canary shows it by a file of ours.",
  source: "MITRE ATLAS AML.T0080 (AI agent context poisoning); OWASP ASI06",
  async run(context) {
    return { rows: await Promise.all(MEMORY_STORES.map(([place, what]) => ask(context, place, what))) };
  },
};

async function ask(context: Context, place: string, what: string): Promise<Row> {
  const path = resolvePlace(context, place);
  if (path === undefined) return unplaced("memory-store", place);
  const id = `memory-store:${named(place)}`;
  const subject = `${place} (${what})`;
  const row = await askWritable(context, id, subject, path);
  if (row.verdict !== "reachable") return row;
  const kept = isKept(context, path);
  if (kept === false) return absent(id, subject, "writable, but in memory only: no later run reads it");
  const until = kept === true ? "kept for later runs" : "whether it is kept for later runs is not known";
  return { ...row, detail: `${row.detail}; ${until}` };
}
