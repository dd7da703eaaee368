import { hashOf } from "../base/hash.ts";
import type { Allowlist, Rule } from "./allowlist.ts";
import type { Policy } from "./decide.ts";

/** What the gateway goes by from one reload to the next. A flow keeps the one that it began with. */
export type LivePolicy = Policy & {
  /** Of lists and canary hosts; it stands in every line of the log. */
  hash: string;
  /** By the name of the variable, as the rules name them. */
  secrets: Readonly<Record<string, string>>;
};

export type PolicyParts = {
  allowlists: readonly Allowlist[];
  canaryHosts: readonly string[];
  secrets: Readonly<Record<string, string>>;
};

/** All of it that does not change by itself. */
export function loadedPolicy({
  allowlists,
  canaryHosts,
  secrets,
}: PolicyParts): Omit<LivePolicy, "isLatched" | "today"> {
  const rules = allowlists.flatMap((list) => list.rules);
  return { canaryHosts, rules, secrets, hash: policyHashOf({ allowlists, canaryHosts }) };
}

export function policyHashOf({ allowlists, canaryHosts }: Omit<PolicyParts, "secrets">): string {
  return hashOf({ allowlists, canaryHosts });
}

/** The header that the rule puts in, or none; undefined when its secret is not there. */
export function injectedBy({ inject }: Rule, { secrets }: LivePolicy): Record<string, string> | undefined {
  if (inject === undefined) return {};
  const secret = Object.hasOwn(secrets, inject.secretEnv) ? secrets[inject.secretEnv] : undefined;
  return secret === undefined ? undefined : { [inject.header]: `${inject.prefix}${secret}` };
}
