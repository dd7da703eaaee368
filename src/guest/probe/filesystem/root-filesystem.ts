import { mountOf } from "../mounts.ts";
import { askWritable } from "../paths.ts";
import type { Check } from "../probe.ts";

export const rootFilesystem: Check = {
  id: "root-filesystem",
  category: "filesystem",
  why: "A writable root lets an intruder replace programs that later steps run.",
  misses: "Writable directories below a read-only root; system-directory and persistence-path ask for those.",
  source: "CIS Docker Benchmark 1.6, 5.12",
  async run(context) {
    const row = await askWritable(context, "root-filesystem", "the root directory", "/");
    const mount = context.facts.mounts === undefined ? undefined : mountOf(context.facts.mounts, "/");
    const flag =
      mount === undefined ? "mount table hidden" : `mounted ${mount.isReadOnly ? "read-only" : "read-write"}`;
    return { rows: [{ ...row, detail: `${row.detail}; ${flag}` }] };
  },
};
