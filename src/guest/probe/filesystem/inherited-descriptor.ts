import type { Check, Context, Row } from "../probe.ts";
import { absent, isAbsence, notMeasured, reachable } from "../row.ts";

const KINDS = ["directory", "file", "socket", "block", "character"] as const;
type Kind = (typeof KINDS)[number];

export const inheritedDescriptor: Check = {
  id: "inherited-descriptor",
  category: "filesystem",
  why: "An open descriptor from outside, or a working directory there, is used without asking the sandbox's mounts or permissions again.",
  misses: "Pipes and anonymous inodes, because Node holds some of its own; and descriptors 0, 1 and 2.",
  source: "CVE-2024-21626 (a directory descriptor left open by runc)",
  async run(context) {
    const listed = await context.ground.list("/proc/self/fd", 256);
    if (listed.status === "refused") {
      const row = notMeasured("inherited-descriptor", "open descriptors", `cannot be listed: ${listed.errno}`);
      return { rows: [row] };
    }
    const found = new Map<Kind, Row>();
    for (const { name } of listed.value.entries) {
      const row = Number(name) > 2 ? await ask(context, name) : undefined;
      if (row !== undefined) found.set(row.kind, row.row);
    }
    const rows = KINDS.map(
      (kind) => found.get(kind) ?? absent(`inherited-descriptor:${kind}`, `an open ${kind}`, "none"),
    );
    rows.push(await askWorkingDirectory(context));
    return listed.value.isWhole ? { rows } : { rows, fellShort: "only the first 256 descriptors were looked at" };
  },
};

type Inode = { dev: number; ino: number };

/** Is the path that the kernel names for an open file the way to it? Where it is not, the file lies outside this mount tree, or beneath a mount. */
async function leads(ground: Context["ground"], path: string, to: Inode): Promise<"there" | "elsewhere" | "unknown"> {
  const found = await ground.stat(path);
  if (found.status === "answered")
    return found.value.dev === to.dev && found.value.ino === to.ino ? "there" : "elsewhere";
  return isAbsence(found.errno) ? "elsewhere" : "unknown";
}

async function askWorkingDirectory({ ground }: Context): Promise<Row> {
  const id = "inherited-descriptor:working-directory";
  const subject = "a working directory outside this mount tree";
  const link = await ground.link("/proc/self/cwd");
  const own = await ground.stat("/proc/self/cwd");
  if (link.status === "refused") return notMeasured(id, subject, `/proc/self/cwd: ${link.errno}`);
  if (own.status === "refused") return notMeasured(id, subject, `/proc/self/cwd: ${own.errno}`);
  if (link.value.endsWith(" (deleted)")) return absent(id, subject, "it was removed");
  switch (await leads(ground, link.value, own.value)) {
    case "there":
      return absent(id, subject, "its path leads to it");
    case "elsewhere":
      return reachable(id, subject, ["read"], "no path leads to it");
    case "unknown":
      return notMeasured(id, subject, "its path cannot be asked for");
  }
}

async function ask({ ground }: Context, fd: string): Promise<{ kind: Kind; row: Row } | undefined> {
  const link = await ground.link(`/proc/self/fd/${fd}`);
  const thing = await ground.stat(`/proc/self/fd/${fd}`);
  // Closed meanwhile: it was the descriptor of our own listing.
  if (link.status === "refused" || thing.status === "refused") return undefined;
  const kind = KINDS.find((name) => name === thing.value.kind);
  const isOurs = /^(\/proc\/|\/dev\/(null|u?random|tty|pts\/)|anon_inode:|pipe:)/.test(link.value);
  if (kind === undefined || isOurs) return undefined;
  const isOutside = link.value.startsWith("/") && (await leads(ground, link.value, thing.value)) === "elsewhere";
  const detail = isOutside
    ? "was open when this process started, and no path leads to what it is"
    : "was open when this process started";
  return { kind, row: reachable(`inherited-descriptor:${kind}`, `an open ${kind}`, ["read"], detail) };
}
