import type { Check, Row } from "../probe.ts";
import { absent, named, notMeasured, reachable } from "../row.ts";

/** Groups whose members are root by a detour, and the detour. */
const GROUPS = [
  ["docker", "the container engine"],
  ["podman", "the container engine"],
  ["containerd", "the container engine"],
  ["lxd", "the container engine"],
  ["incus", "the container engine"],
  ["libvirt", "the hypervisor"],
  ["kvm", "the hypervisor"],
  ["disk", "the disks themselves"],
  ["sudo", "sudo"],
  ["wheel", "sudo"],
  ["admin", "sudo"],
  ["shadow", "the password hashes"],
  ["adm", "the logs"],
] as const;

export const rootGroup: Check = {
  id: "root-group",
  category: "process",
  why: "A group that commands the engine or owns the disks is root, whatever the user's number says.",
  misses:
    "The names are those of the sandbox's own /etc/group: a group of the host by number alone is not known by its name.",
  source: "docs.docker.com, the docker group grants root-level privileges; Debian wiki, SystemGroups",
  async run({ facts, ground }) {
    const subject = "groups that are as good as root";
    const { status } = facts;
    if (status === undefined)
      return { rows: [notMeasured("root-group", subject, "/proc/self/status cannot be read")] };
    const gids = new Set([status.get("Gid")?.split(/\s+/)[1] ?? "", ...(status.get("Groups") ?? "").split(/\s+/)]);
    const table = await ground.table("/etc/group");
    if (table.status === "refused")
      return { rows: [notMeasured("root-group", subject, `/etc/group: ${table.errno}`)] };
    const numbers = parseGroups(table.value);
    return {
      rows: GROUPS.map(([name, what]): Row => {
        const id = `root-group:${named(name)}`;
        const gid = numbers.get(name);
        if (gid === undefined) return absent(id, `group ${name}`, "not in /etc/group");
        if (!gids.has(gid)) return absent(id, `group ${name}`, "not a member");
        const towards = facts.isOwnKernel ? ", towards a kernel that is not the host's" : "";
        return reachable(id, `group ${name}`, ["execute"], `a member: leads to ${what}${towards}`);
      }),
    };
  },
};

/** Number by name, group(5). */
export function parseGroups(table: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of table.split("\n")) {
    const [name, , gid] = line.split(":");
    if (name !== undefined && gid !== undefined && /^\d+$/.test(gid)) found.set(name, gid);
  }
  return found;
}
