import type { AuditCheck } from "./check.ts";
import { codexSettings } from "./codexSettings.ts";

/** Codex with `approval_policy = "never"` asks nobody; what confines it then is its sandbox alone. */
export const codexApprovalPolicy: AuditCheck = {
  check: "codex-approval-policy",
  category: "tool-plane",
  async run(input) {
    const { settings, unread } = await codexSettings(input, "approval_policy");
    const subject = "Codex's questions to its user";
    const never = settings.filter(({ value }) => value === "never");
    if (never.length > 0) {
      const places = never.map(({ where }) => where).join(", ");
      return [
        { subject, verdict: "reachable", access: ["configure"], detail: `approval_policy is never in ${places}` },
      ];
    }
    if (unread.length > 0) return [{ subject, verdict: "not-measured", detail: unread.join("; ") }];
    return [{ subject, verdict: "absent", detail: "no approval_policy is never" }];
  },
};
