import { ISOLATIONS, type Isolation } from "../sandbox/sandbox.ts";
import { weakSettings } from "../sandbox/srt/settings.ts";
import { ENGINE_DEFAULT } from "../stack/declared/capabilities.ts";
import type { Declared } from "../stack/stack.ts";

/** A weak target is a danger to the machine it stands on: what the declaration gives away, by names that a report shows. */
export function weaknessesOf(declared: Declared): string[] {
  if (declared.kind === "none") return ["no sandbox is declared"];
  const added = declared.capabilities.filter((name) => !ENGINE_DEFAULT.includes(name));
  return [
    ...added.map((name) => `added ${name}`),
    ...(declared.seccomp === "none" ? ["no seccomp filter"] : []),
    ...declared.loosened.filter((name) => name !== "seccomp-unconfined").map((name) => SAID[name] ?? hostSaid(name)),
    ...weakSettings(declared.settings ?? {}).map(({ what, why }) => `${what}: ${why}`),
    ...declared.resources.filter(({ kind }) => kind === "device").map(({ source }) => `the host's device ${source}`),
  ];
}

const SAID: Readonly<Record<string, string>> = {
  privileged: "privileged",
  "apparmor-unconfined": "AppArmor unconfined",
  "label-disabled": "SELinux labels disabled",
  "systempaths-unconfined": "kernel files unmasked",
};

function hostSaid(name: string): string {
  return `the host's ${name.slice("host-".length)} namespace`;
}

export type ThirdParty = { verdict: "allowed" | "refused"; reason: string };

/**
 * May code that is neither ours nor the kernel's (an MCP server, an agent's command line) run in a target? On weak ground only
 * inside a kernel that is not the host's.
 */
export function mayRunThirdParty(ground: { weakGround: readonly string[]; isolation: Isolation }): ThirdParty {
  const { weakGround, isolation } = ground;
  if (weakGround.length === 0) return { verdict: "allowed", reason: "the declaration takes no wall away" };
  const what = weakGround.join(", ");
  if (isNested(isolation)) return { verdict: "allowed", reason: `weak ground (${what}), inside ${isolation}` };
  return {
    verdict: "refused",
    reason: `weak ground (${what}) on the host's own kernel: only our own probe and drills run`,
  };
}

/** Has it a kernel of its own between what runs inside and the host's? */
export function isNested(isolation: Isolation): boolean {
  return ISOLATIONS.indexOf(isolation) >= ISOLATIONS.indexOf("gvisor");
}
