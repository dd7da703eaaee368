import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, notMeasured, reachable } from "../row.ts";
import { decodeCapabilities } from "./capabilities.ts";

/** Name here, name in /proc/net/protocols, and whether socket(2) asks for CAP_NET_RAW. */
const FAMILIES = [
  ["AF_PACKET", "PACKET", true],
  ["AF_VSOCK", "AF_VSOCK", false],
  ["AF_ALG", "ALG", false],
  ["raw", "RAW", true],
] as const;

export const socketFamily: Check = {
  id: "socket-family",
  category: "process",
  why: "These families reach rarely used kernel code, and AF_VSOCK leaves a virtual machine whatever the network namespace says.",
  misses:
    "No such socket is made, because JavaScript cannot: where a filter is in force the answer is not known. A family " +
    "whose module is loaded on demand is not in the table until somebody uses it.",
  source: "moby pull 44562 and issue 52494; packet(7), vsock(7)",
  async run(context) {
    const table = await context.ground.table("/proc/net/protocols");
    const registered = table.status === "answered" ? parseProtocols(table.value) : undefined;
    return { rows: FAMILIES.map(([name, protocol, isRaw]) => ask(context, name, isRaw, registered?.has(protocol))) };
  },
};

function ask({ facts }: Context, name: string, isRaw: boolean, isRegistered: boolean | undefined): Row {
  const id = `socket-family:${name}`;
  const subject = `${name} sockets`;
  if (facts.boundary === "gvisor")
    return denied(id, subject, CONTROL.table, "only gVisor's kernel could answer, not the host's");
  if (isRegistered === undefined) return notMeasured(id, subject, "/proc/net/protocols cannot be read");
  if (!isRegistered) return absent(id, subject, "not among the kernel's protocols now");
  const held = decodeCapabilities(facts.status?.get("CapEff"));
  if (held === undefined || facts.boundary === "unknown")
    return notMeasured(id, subject, "/proc/self/status cannot be read");
  if (isRaw && !held.has("CAP_NET_RAW"))
    return denied(id, subject, CONTROL.table, "needs CAP_NET_RAW, which is not held");
  if (facts.status?.get("Seccomp") === "2") {
    return notMeasured(
      id,
      subject,
      "the kernel has it; whether the filter allows it cannot be asked from JavaScript",
    );
  }
  return reachable(id, subject, ["create"], "the kernel has it and no filter is in force; none was made");
}

/** First column of every line after the heading. */
export function parseProtocols(table: string): Set<string> {
  return new Set(
    table
      .split("\n")
      .slice(1)
      .map((line) => line.split(/\s+/)[0] ?? ""),
  );
}
