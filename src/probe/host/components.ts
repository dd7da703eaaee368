import { KERNEL_FLAWS } from "../../guest/probe/process/kernel-range.ts";

type Version = readonly [major: number, minor: number, patch: number];
type Flaw = { name: string; since: Version; fixed: readonly Version[] };

/** A program that makes sandboxes, or that handles what comes out of one. */
export type Component = {
  name: string;
  argv: [string, ...string[]];
  pattern: RegExp;
  /** The package whose changelog would name a fix; `*` stands for the version. */
  changelog: string;
  flaws: readonly Flaw[];
};

/** Ranges by the flaws' own advisories; a release candidate counts as the version before the one it leads to. */
export const COMPONENTS: readonly Component[] = [
  {
    name: "runc",
    argv: ["runc", "--version"],
    pattern: /runc version (\S+)/,
    changelog: "runc",
    flaws: [
      { name: "CVE-2019-5736", since: [0, 0, 0], fixed: [[1, 0, 0]] },
      { name: "CVE-2021-30465", since: [0, 0, 0], fixed: [[1, 0, 0]] },
      { name: "CVE-2024-21626", since: [1, 0, 0], fixed: [[1, 1, 12]] },
    ],
  },
  {
    name: "containerd",
    argv: ["containerd", "--version"],
    pattern: /containerd\S* (\d\S*)/,
    changelog: "containerd",
    flaws: [
      {
        name: "CVE-2020-15257",
        since: [0, 0, 0],
        fixed: [
          [1, 3, 9],
          [1, 4, 3],
          [1, 5, 0],
        ],
      },
      {
        name: "CVE-2022-23648",
        since: [0, 0, 0],
        fixed: [
          [1, 4, 13],
          [1, 5, 10],
          [1, 6, 1],
          [1, 7, 0],
        ],
      },
    ],
  },
  {
    name: "docker",
    argv: ["dockerd", "--version"],
    pattern: /Docker version (\S+?),/,
    changelog: "docker.io",
    flaws: [
      { name: "CVE-2019-14271", since: [19, 3, 0], fixed: [[19, 3, 1]] },
      {
        name: "CVE-2024-41110",
        since: [19, 3, 0],
        fixed: [
          [23, 0, 15],
          [26, 1, 5],
          [27, 1, 1],
          [28, 0, 0],
        ],
      },
    ],
  },
  {
    name: "cri-o",
    argv: ["crio", "--version"],
    pattern: /[Vv]ersion:?\s+(\d\S*)/,
    changelog: "cri-o",
    flaws: [
      {
        name: "CVE-2022-0811",
        since: [1, 19, 0],
        fixed: [
          [1, 19, 6],
          [1, 20, 7],
          [1, 21, 6],
          [1, 22, 3],
          [1, 23, 2],
          [1, 24, 0],
        ],
      },
    ],
  },
  {
    name: "kubectl",
    argv: ["kubectl", "version", "--client"],
    pattern: /(?:GitVersion:"|Client Version: )v(\d[^"\s]*)/,
    changelog: "kubernetes-client",
    flaws: [
      {
        name: "CVE-2019-1002101",
        since: [1, 0, 0],
        fixed: [
          [1, 11, 9],
          [1, 12, 7],
          [1, 13, 5],
          [1, 14, 0],
        ],
      },
    ],
  },
  // As the host itself says: inside a sandbox the same question is answered by whatever kernel stands there.
  {
    name: "kernel",
    argv: ["uname", "-r"],
    pattern: /^(\d\S*)/,
    changelog: "linux-image-*",
    flaws: KERNEL_FLAWS,
  },
  {
    name: "bubblewrap",
    argv: ["bwrap", "--version"],
    pattern: /bubblewrap (\S+)/,
    changelog: "bubblewrap",
    flaws: [
      {
        name: "CVE-2017-5226",
        since: [0, 0, 0],
        fixed: [
          [0, 1, 5],
          [0, 2, 0],
        ],
      },
    ],
  },
];
