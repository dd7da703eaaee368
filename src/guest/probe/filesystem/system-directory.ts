import { askWritable } from "../paths.ts";
import type { Check, Row } from "../probe.ts";

const DIRECTORIES = [
  "/etc",
  "/usr",
  "/usr/bin",
  "/usr/sbin",
  "/usr/lib",
  "/usr/local/bin",
  "/bin",
  "/sbin",
  "/lib",
  "/lib64",
  "/boot",
  "/opt",
  "/root",
  "/srv",
  "/var",
  "/var/lib",
] as const;

export const systemDirectory: Check = {
  id: "system-directory",
  category: "filesystem",
  why: "Whoever writes here changes what every later program in the sandbox, or on the host when mounted, does.",
  misses: "Single writable files in a directory that is not.",
  source: "sandbox-probe's system directory list; CIS Docker Benchmark 1.6, 5.5",
  async run(context) {
    const rows: Row[] = [];
    for (const path of DIRECTORIES) {
      const thing = await context.ground.lstat(path);
      // /bin is often a link to /usr/bin, which is asked for by its own name.
      if (thing.status === "answered" && thing.value.kind === "link") continue;
      rows.push(await askWritable(context, `system-directory:${path}`, path, path));
    }
    return { rows };
  },
};
