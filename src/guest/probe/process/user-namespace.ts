import type { Check, Context, Row } from "../probe.ts";
import { CONTROL, denied, notMeasured, reachable } from "../row.ts";

const ID = "user-namespace:creatable";
const SUBJECT = "making a user namespace";

export const userNamespace: Check = {
  id: "user-namespace",
  category: "process",
  why: "In a user namespace of its own, code holds every capability towards it and reaches kernel interfaces closed to it otherwise.",
  misses: "It is told from the kernel's settings and never tried; whether a filter refuses it cannot be seen.",
  source: "user_namespaces(7); many kernel flaws needed it, such as CVE-2022-0185",
  run: async (context) => ({ rows: [await ask(context)] }),
};

async function ask({ facts, ground }: Context): Promise<Row> {
  if (facts.boundary === "gvisor")
    return denied(ID, SUBJECT, CONTROL.table, "only of gVisor's kernel, not the host's");
  const max = await ground.table("/proc/sys/user/max_user_namespaces", 64);
  if (max.status === "refused") return notMeasured(ID, SUBJECT, `/proc/sys/user/max_user_namespaces: ${max.errno}`);
  if (max.value.trim() === "0") return denied(ID, SUBJECT, CONTROL.table, "user.max_user_namespaces is 0");
  for (const [path, closed] of SETTINGS) {
    const setting = await ground.table(path, 64);
    if (setting.status === "answered" && setting.value.trim() === closed) {
      return denied(ID, SUBJECT, CONTROL.table, `${path.slice("/proc/sys/".length)} is ${closed}`);
    }
  }
  if (facts.boundary === "seccomp") {
    return notMeasured(
      ID,
      SUBJECT,
      "the kernel's settings allow it; whether the filter does cannot be asked without trying",
    );
  }
  return reachable(ID, SUBJECT, ["create"], "the kernel's settings allow it and there is no filter; not tried");
}

/** Debian's and Ubuntu's own settings, and the value that closes. */
const SETTINGS = [
  ["/proc/sys/kernel/unprivileged_userns_clone", "0"],
  ["/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"],
] as const;
