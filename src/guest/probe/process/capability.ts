import { askNamespace } from "../namespaces.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, notMeasured, reachable } from "../row.ts";
import { CAPABILITIES, decodeCapabilities, RUNTIME_DEFAULT } from "./capabilities.ts";

export const capability: Check = {
  id: "capability",
  category: "process",
  why: "Each of these capabilities is a piece of root's power over the kernel, beyond what a container needs.",
  misses: "What a set-user-id program could still gain; no-new-privs says whether it may.",
  source: "capabilities(7); moby oci/caps/defaults.go; CIS Docker Benchmark 1.6, 5.3",
  run: async (context) => ({
    rows: rowsFor(
      context,
      "capability",
      CAPABILITIES.filter((name) => !RUNTIME_DEFAULT.has(name)),
    ),
  }),
};

export const runtimeDefault: Check = {
  id: "runtime-default",
  category: "process",
  why: "What every container of the usual runtimes has: said once, apart, so that it raises no alarm and still shows in a diff.",
  misses: "Nothing that is known.",
  source: "moby oci/caps/defaults.go; cgroup_namespaces(7)",
  run: async (context) => ({
    rows: [
      ...rowsFor(
        context,
        "runtime-default",
        CAPABILITIES.filter((name) => RUNTIME_DEFAULT.has(name)),
      ),
      askNamespace(context, "user", "runtime-default:user-namespace", "the host's user namespace"),
      askNamespace(context, "cgroup", "runtime-default:cgroup-namespace", "the host's cgroup namespace"),
      askNamespace(context, "time", "runtime-default:time-namespace", "the host's time namespace"),
    ],
  }),
};

function rowsFor({ facts }: Context, check: string, names: readonly string[]): Row[] {
  const effective = decodeCapabilities(facts.status?.get("CapEff"));
  const bounding = decodeCapabilities(facts.status?.get("CapBnd"));
  if (effective === undefined) return [notMeasured(check, "capabilities", "/proc/self/status shows none")];
  const towards = facts.boundary === "gvisor" ? ", towards gVisor's kernel and not the host's" : "";
  return names.map((name) => {
    const id = `${check}:${name}`;
    if (effective.has(name)) return reachable(id, name, ["configure"], `held by this process${towards}`);
    return absent(id, name, bounding?.has(name) === true ? "not held, but in the bounding set" : "not held");
  });
}
