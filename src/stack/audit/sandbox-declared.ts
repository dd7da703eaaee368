import type { AuditCheck } from "./check.ts";

/** Nothing in the stack says how the agents are confined, or its configuration says that nothing does. */
export const sandboxDeclared: AuditCheck = {
  check: "sandbox-declared",
  category: "cross-boundary",
  run({ declared }) {
    const subject = "a sandbox around the agents";
    if (declared.kind !== "none")
      return Promise.resolve([{ subject, verdict: "absent", detail: `declared by ${declared.declaredAt}` }]);
    const seen = declared.unrepeatable.length;
    const detail = `nothing declares one${seen === 0 ? "" : `; ${seen} declarations were seen that are not the agents'`}`;
    return Promise.resolve([{ subject, verdict: "reachable", access: ["configure"], detail }]);
  },
};
