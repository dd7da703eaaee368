import { INITIAL_NAMESPACES } from "./boundary.ts";
import type { NamespaceKind } from "./facts.ts";
import type { Context, Row } from "./probe.ts";
import { CONTROL, denied, notMeasured, reachable } from "./row.ts";

/**
 * Is this process in the host's namespace of a kind? The host's own word decides; without it the inode of the initial
 * namespace, for the kinds that have a fixed one. `reachable` means shared.
 */
export function askNamespace({ facts, request }: Context, kind: NamespaceKind, id: string, subject: string): Row {
  const own = facts.namespaces[kind];
  if (facts.isOwnKernel && (own === undefined || own !== request.host.namespaces[kind])) {
    return denied(id, subject, CONTROL.table, "the kernel that answers is not the host's");
  }
  if (own === undefined) return notMeasured(id, subject, `/proc/self/ns/${kind} cannot be read`);
  const told = request.host.namespaces[kind];
  const host = told ?? INITIAL_NAMESPACES[kind];
  if (host === undefined)
    return notMeasured(id, subject, "the host's namespace was not told, and has no fixed number");
  const by = told === undefined ? "by the fixed number of the initial one" : "by what the host says of its own";
  if (own === host) return reachable(id, subject, ["list"], `shared, ${by}`);
  return denied(id, subject, CONTROL.table, `a namespace of its own, ${by}`);
}
