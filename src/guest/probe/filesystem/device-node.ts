import type { Entry } from "../ground.ts";
import { isSpelt, NOT_SPELT } from "../paths.ts";
import type { Check, Context, Row, Seen } from "../probe.ts";
import { absent, CONTROL, denied, mechanism, named, notMeasured, reachable } from "../row.ts";

/** What every runtime makes for every sandbox (OCI runtime-spec, config-linux.md, default devices). */
const ORDINARY = /^(null|zero|full|random|urandom|tty|ptmx|console|std(in|out|err)|core|fd|net|char|block|initctl)$/;
const NOT_ENTERED = new Set([
  "/dev/pts",
  "/dev/shm",
  "/dev/mqueue",
  "/dev/fd",
  "/dev/hugepages",
  "/dev/char",
  "/dev/block",
]);
/** Asked for by name, so that their absence is a row of its own. */
const NOTABLE = ["/dev/fuse", "/dev/kmsg", "/dev/kvm", "/dev/mem", "/dev/net/tun", "/dev/vhost-vsock", "/dev/vsock"];
/** Made by gVisor's kernel in every sandbox; no device of the host stands behind them. */
const GVISOR_MAKES = new Set(["/dev/fuse", "/dev/net/tun"]);
const ENTRIES_MAX = 600;

export const deviceNode: Check = {
  id: "device-node",
  category: "filesystem",
  why: "A device is a door straight into the kernel or onto a disk, past every file permission.",
  misses: "Devices outside /dev; and a device cgroup that refuses what the node's permissions allow.",
  source: "CIS Docker Benchmark 1.6, 5.17",
  async run(context) {
    const rows = new Map(
      NOTABLE.map((path) => [`device-node:${path}`, absent(`device-node:${path}`, path, "not there")]),
    );
    const seen = await walk(context, "/dev", 2);
    for (const row of seen.rows) rows.set(row.id, row);
    return { ...seen, rows: [...rows.values()] };
  },
};

async function walk(context: Context, directory: string, depth: number): Promise<Seen> {
  const listed = await context.ground.list(directory, ENTRIES_MAX);
  if (listed.status === "refused") {
    return { rows: [notMeasured("device-node", directory, `cannot be listed: ${listed.errno}`)] };
  }
  const rows: Row[] = [];
  let fellShort = listed.value.isWhole ? undefined : `only ${ENTRIES_MAX} entries of ${directory} were looked at`;
  for (const listedEntry of listed.value.entries) {
    const path = `${directory}/${listedEntry.name}`;
    const entry = await mounted(context, path, listedEntry);
    if (entry.kind === "directory" && depth > 1 && !NOT_ENTERED.has(path)) {
      const below = await walk(context, path, depth - 1);
      rows.push(...below.rows);
      fellShort ??= below.fellShort;
    } else if (isNotable(entry)) rows.push(await ask(context, path, entry));
  }
  return fellShort === undefined ? { rows } : { rows, fellShort };
}

/** A device that is bound over a file is a file in the directory's own listing. */
async function mounted({ ground }: Context, path: string, entry: Entry): Promise<Entry> {
  if (entry.kind !== "file" && entry.kind !== "unknown") return entry;
  const thing = await ground.lstat(path);
  return thing.status === "answered" ? { name: entry.name, kind: thing.value.kind } : entry;
}

function isNotable(entry: Entry): boolean {
  return (entry.kind === "character" || entry.kind === "block") && !ORDINARY.test(entry.name);
}

/** Numbered devices of one kind are one row: `/dev/ttyN`. */
async function ask(context: Context, path: string, entry: Entry): Promise<Row> {
  const shown = path.replace(/\d+$/, "N");
  const id = `device-node:${named(shown)}`;
  if (!isSpelt(path)) return notMeasured(id, shown, NOT_SPELT);
  const kind = `${entry.kind} device`;
  if (context.facts.boundary === "gvisor" && GVISOR_MAKES.has(path)) {
    return denied(id, shown, CONTROL.read, `${kind} of gVisor's kernel, not the host's`, path);
  }
  const readable = await context.ground.access(path, "read");
  const writable = await context.ground.access(path, "write");
  if (readable.status === "refused" && writable.status === "refused") {
    return denied(id, shown, CONTROL.read, `${kind}: ${mechanism(readable.errno)}`, path);
  }
  const read = readable.status === "answered" ? (["read"] as const) : [];
  const write = writable.status === "answered" ? (["write"] as const) : [];
  return reachable(id, shown, [...read, ...write], `${kind}; not opened`, path);
}
