import { ENGINE_DEFAULT } from "../declared/capabilities.ts";
import type { Declared, Loosened } from "../stack.ts";
import type { AuditCheck, AuditRow } from "./check.ts";
import { notFound } from "./declaration.ts";

const ASKED: readonly (readonly [Loosened, string])[] = [
  ["privileged", "a privileged container"],
  ["seccomp-unconfined", "the filter of system calls"],
  ["apparmor-unconfined", "AppArmor"],
  ["label-disabled", "SELinux"],
  ["systempaths-unconfined", "masked kernel files"],
  ["host-pid", "the host's pid namespace"],
  ["host-ipc", "the host's ipc namespace"],
  ["host-uts", "the host's uts namespace"],
  ["host-network", "the host's network namespace"],
  ["host-userns", "the host's userns namespace"],
  ["host-cgroupns", "the host's cgroupns namespace"],
];

/** What a sandbox's declaration asks for beyond what an engine gives every container, in whichever form it is declared. */
export const devcontainerFlags: AuditCheck = {
  check: "devcontainer-flags",
  category: "process",
  run({ declared }) {
    const isPrivileged = declared.loosened.includes("privileged");
    // All of them are one thing, and a filter that privileged takes away is not asked for twice.
    const added = isPrivileged ? [] : declared.capabilities.filter((name) => !ENGINE_DEFAULT.includes(name));
    const devices = declared.resources.filter(({ kind }) => kind === "device");
    return Promise.resolve([
      ...ASKED.map(([name, subject]) => row(declared, name, subject, declared.loosened.includes(name))),
      ...added.map((name) => row(declared, `cap-add-${name.slice("CAP_".length)}`, `capability ${name}`, true)),
      ...devices.map(({ source }) => row(declared, `device-${source}`, `the host's ${source}`, true)),
    ]);
  },
};

function row(declared: Declared, instance: string, subject: string, isWeak: boolean): AuditRow {
  if (!isWeak) return { instance, subject, ...notFound(declared, "a flag") };
  return { instance, subject, verdict: "reachable", detail: `asked for by ${declared.declaredAt}` };
}
