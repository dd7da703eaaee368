import { decisionVerb } from "./decision.ts";
import type { Verb } from "./verb.ts";

export const verb: Verb = decisionVerb(
  "reject",
  "reject a finding's mitigation; stands until the finding or mitigation changes",
);
