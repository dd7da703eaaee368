import { ENGINE_DEFAULT } from "../declared/capabilities.ts";
import type { Declared } from "../stack.ts";
import type { AuditCheck, AuditRow } from "./check.ts";

/** What a devcontainer asks for beyond what the engine gives every container. */
export const devcontainerFlags: AuditCheck = {
  check: "devcontainer-flags",
  category: "process",
  async run({ declared }) {
    if (isCompose(declared)) {
      const detail = "declared by a compose file, which is not read in this release";
      return [{ instance: "compose", subject: "the container's flags", verdict: "not-measured", detail }];
    }
    const isPrivileged = asks(declared, /^(--)?privileged$/);
    const added = isPrivileged ? [] : declared.capabilities.filter((name) => !ENGINE_DEFAULT.includes(name));
    return [
      row(declared, "privileged", "a privileged container", isPrivileged),
      row(
        declared,
        "seccomp-unconfined",
        "the filter of system calls",
        declared.kind === "devcontainer" && declared.seccomp === "none",
      ),
      row(declared, "apparmor-unconfined", "AppArmor", asks(declared, /^--security-opt=apparmor[=:]unconfined$/)),
      row(declared, "label-disabled", "SELinux", asks(declared, /^--security-opt=label[=:]disable$/)),
      row(
        declared,
        "systempaths-unconfined",
        "masked kernel files",
        asks(declared, /^--security-opt=systempaths[=:]unconfined$/),
      ),
      ...["pid", "ipc", "uts", "network", "userns", "cgroupns"].map((name) =>
        row(declared, `host-${name}`, `the host's ${name} namespace`, asks(declared, new RegExp(`^--${name}=host$`))),
      ),
      ...added.map((name) => row(declared, `cap-add-${name.slice("CAP_".length)}`, `capability ${name}`, true)),
    ];
  },
};

/** A devcontainer made of a compose file's service: mounts and flags stand in a file that is not read. */
export function isCompose(declared: Declared): boolean {
  return declared.unrepeatable.some(({ what }) => what === "dockerComposeFile");
}

function asks(declared: Declared, pattern: RegExp): boolean {
  return declared.unrepeatable.some(({ what }) => pattern.test(what));
}

function row(declared: Declared, instance: string, subject: string, isWeak: boolean): AuditRow {
  if (isWeak) return { instance, subject, verdict: "reachable", detail: `asked for by ${declared.declaredAt}` };
  const detail = declared.kind === "none" ? "no devcontainer is declared" : `not asked for by ${declared.declaredAt}`;
  return { instance, subject, verdict: "absent", detail };
}
