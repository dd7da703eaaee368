/** What the engine leaves a container that says nothing (moby, oci/caps/defaults.go). */
export const ENGINE_DEFAULT = caps(
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE",
);

/** Every capability of Linux 5.9 and later (capabilities(7)). */
const ALL = [
  ...ENGINE_DEFAULT,
  ...caps(
    "AUDIT_CONTROL AUDIT_READ BLOCK_SUSPEND BPF CHECKPOINT_RESTORE DAC_READ_SEARCH IPC_LOCK IPC_OWNER LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE NET_ADMIN NET_BROADCAST PERFMON SYS_ADMIN SYS_BOOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM",
  ),
];

/** `sys_ptrace` and `CAP_SYS_PTRACE` are one capability. */
export function capabilityName(written: string): string {
  const upper = written.trim().toUpperCase();
  return upper === "ALL" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
}

/** A name that Linux knows, or ALL. */
export function isCapability(written: string): boolean {
  const name = capabilityName(written);
  return name === "ALL" || ALL.includes(name);
}

/** ALL is every one of them. */
export function namesOf(name: string): readonly string[] {
  return name === "ALL" ? ALL : [name];
}

/** What stays, as the engine counts: ALL in either list first, then the single names. Sorted. */
export function capabilitiesLeft(added: readonly string[], dropped: readonly string[]): string[] {
  const start = added.includes("ALL") ? ALL : dropped.includes("ALL") ? [] : ENGINE_DEFAULT;
  const left = new Set(start);
  if (!added.includes("ALL") || !dropped.includes("ALL")) for (const name of dropped) left.delete(name);
  for (const name of added) if (name !== "ALL") left.add(name);
  return [...left].toSorted();
}

function caps(names: string): string[] {
  return names.split(" ").map((name) => `CAP_${name}`);
}
