import type { Check, Context, Row } from "../probe.ts";
import { absent, notMeasured } from "../row.ts";

type Version = readonly [major: number, minor: number, patch: number];
type Flaw = {
  name: string;
  since: Version;
  fixed: readonly Version[];
  /** What of the kernel it lies in, and what else here says whether that can be reached. */
  lies: string;
};

/**
 * Flaw, the kernel in which it came, and where it was put right upstream: each stable series by the patch that has the
 * fix, the last one being the first mainline series without the flaw.
 */
export const KERNEL_FLAWS: readonly Flaw[] = [
  {
    name: "CVE-2016-5195",
    lies: "memory, which every process reaches",
    since: [2, 6, 22],
    fixed: [
      [4, 4, 26],
      [4, 7, 9],
      [4, 8, 3],
    ],
  },
  {
    name: "CVE-2017-7308",
    lies: "packet sockets: socket-family:AF_PACKET says whether one can be made",
    since: [2, 6, 27],
    fixed: [
      [4, 4, 64],
      [4, 9, 26],
      [4, 10, 14],
      [4, 11, 0],
    ],
  },
  {
    name: "CVE-2017-16995",
    lies: "bpf: dangerous-syscall:bpf and kernel-sysctl:kernel.unprivileged_bpf_disabled say whether it can be called",
    since: [4, 4, 0],
    fixed: [
      [4, 9, 72],
      [4, 14, 9],
      [4, 15, 0],
    ],
  },
  {
    name: "CVE-2022-0492",
    lies: "cgroup version 1: cgroup-control:release-agent and user-namespace:creatable say whether it is in reach",
    since: [2, 6, 24],
    fixed: [
      [4, 19, 229],
      [5, 4, 177],
      [5, 10, 97],
      [5, 15, 20],
      [5, 16, 6],
      [5, 17, 0],
    ],
  },
  {
    name: "CVE-2022-0847",
    lies: "pipes, which every process reaches",
    since: [5, 8, 0],
    fixed: [
      [5, 10, 102],
      [5, 15, 25],
      [5, 16, 11],
      [5, 17, 0],
    ],
  },
];

export const kernelRange: Check = {
  id: "kernel-range",
  category: "process",
  why: "These flaws of the kernel let sandboxes out; a version before the fix is a condition for each.",
  misses:
    "Fixes that a distribution took over under an old number: a version within the range is never called vulnerable, and nothing is tried.",
  source: "the upstream fixes named in each CVE's record; SandboxEscapeBench, arXiv 2603.02277",
  async run(context) {
    const release = await context.ground.table("/proc/sys/kernel/osrelease", 256);
    const version = release.status === "answered" ? parseRelease(release.value) : undefined;
    return { rows: KERNEL_FLAWS.map((flaw) => ask(context, flaw, version)) };
  },
};

function ask({ facts }: Context, flaw: Flaw, version: Version | undefined): Row {
  const id = `kernel-range:${flaw.name}`;
  const subject = `a kernel before the fix of ${flaw.name}`;
  if (facts.boundary === "gvisor")
    return absent(id, subject, "gVisor shows a version that it made up; the host's kernel does not answer");
  if (version === undefined) return notMeasured(id, subject, "the kernel's release cannot be read");
  const shown = version.join(".");
  if (!isInRange(version, flaw)) return absent(id, subject, `${shown} is not in the upstream range`);
  return notMeasured(
    id,
    subject,
    `condition present: ${shown} is in the upstream range; whether the package has the fix is not known. It lies in ${flaw.lies}`,
  );
}

export function parseRelease(release: string): Version | undefined {
  const [, major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor), Number(patch ?? 0)];
}

export function isInRange(version: Version, flaw: { since: Version; fixed: readonly Version[] }): boolean {
  const last = flaw.fixed.at(-1);
  if (last === undefined || order(version, flaw.since) < 0 || order(version, last) >= 0) return false;
  const series = flaw.fixed.find(([major, minor]) => major === version[0] && minor === version[1]);
  return series === undefined || order(version, series) < 0;
}

function order(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
