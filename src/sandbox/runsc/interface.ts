import type { Interface } from "../sandbox.ts";

/**
 * gVisor's own network stack takes over an interface of the kernel's, with its addresses and routes as they are when it starts,
 * and what is joined to the namespace later it never sees. So runsc begins in a namespace in which a pair of interfaces stands
 * already: it takes the near one, which is up, and the far one waits there for whoever joins it to something.
 */
export function withInterface(own: Interface, argv: readonly string[]): string[] {
  return ["unshare", "--net", "--mount", "--", "/bin/sh", "-c", SCRIPT, "join", batchOf(own), ...argv];
}

/**
 * Builds of before 2024 take a namespace in which this directory has a certain file for the machine's own, and refuse it; since
 * Linux 6.15 every namespace has that file. This one is ours and empty, and they are shown that.
 */
const HIDE = "mount -t tmpfs -o size=4k,mode=755 none /proc/sys/net/core";
const SCRIPT = `set -e; printf %s "$1" | ip -batch -; shift; ${HIDE}; exec "$@"`;

function batchOf({ name, peer, address, gateway, address6, gateway6 }: Interface): string {
  return [
    "link set lo up",
    `link add ${name} type veth peer name ${peer}`,
    `link set ${name} up`,
    `addr add ${address}/24 dev ${name}`,
    `route add default via ${gateway}`,
    `addr add ${address6}/64 dev ${name} nodad`,
    `route add ::/0 via ${gateway6}`,
    "",
  ].join("\n");
}
