import { mountOf } from "../mounts.ts";
import { askSecretPlace } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";

const PLACES = [
  "/etc/shadow",
  "/etc/gshadow",
  "/etc/sudoers",
  "/etc/krb5.keytab",
  "/etc/ssh/ssh_host_rsa_key",
  "/etc/ssh/ssh_host_ed25519_key",
  "/etc/kubernetes/admin.conf",
  "/etc/rancher/k3s/k3s.yaml",
  "/var/lib/kubelet/pki",
  "/var/lib/docker",
  "/var/lib/containerd",
  "/root/.ssh",
] as const;

export const sensitiveFile: Check = {
  id: "sensitive-file",
  category: "filesystem",
  why: "Files of the machine's owner, readable from inside, hand over accounts and other workloads.",
  misses: "An image ships some of these itself; a row says whether they are the host's, as far as the mounts tell.",
  source: "sandbox-probe's sensitive path list; CIS Docker Benchmark 1.6, 5.5",
  async run(context) {
    const rows = await Promise.all(PLACES.map((place) => askSecretPlace(context, "sensitive-file", place, place)));
    return { rows: rows.map((row) => withOrigin(context, row)) };
  },
};

function withOrigin(context: Context, row: Row): Row {
  if (row.verdict !== "reachable" || row.place === undefined || context.facts.mounts === undefined) return row;
  const mount = mountOf(context.facts.mounts, row.place);
  const isHosts =
    mount !== undefined && mount.root === mount.path && mount.fsType !== "overlay" && !context.facts.isOwnKernel;
  return {
    ...row,
    detail: `${row.detail}; ${isHosts ? "by its mount it is the host's own" : "perhaps the image's own"}`,
  };
}
