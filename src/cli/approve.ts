import { decisionVerb } from "./decision.ts";
import type { Verb } from "./verb.ts";

export const verb: Verb = decisionVerb(
  "approve",
  "approve a finding's mitigation, bound to the very bytes shown; applies nothing",
);
