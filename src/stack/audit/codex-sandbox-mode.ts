import type { AuditCheck } from "./check.ts";
import { codexSettings } from "./codexSettings.ts";

/** Codex with `sandbox_mode = "danger-full-access"` runs every command with the rights of its user. */
export const codexSandboxMode: AuditCheck = {
  check: "codex-sandbox-mode",
  category: "tool-plane",
  async run(input) {
    const { settings, unread } = await codexSettings(input, "sandbox_mode");
    const subject = "Codex's own sandbox";
    const off = settings.filter(({ value }) => value === "danger-full-access");
    if (off.length > 0) {
      const places = off.map(({ where }) => where).join(", ");
      return [
        {
          subject,
          verdict: "reachable",
          access: ["configure"],
          detail: `sandbox_mode is danger-full-access in ${places}`,
        },
      ];
    }
    if (unread.length > 0) return [{ subject, verdict: "not-measured", detail: unread.join("; ") }];
    const said = settings.map(({ where, value }) => `${value} in ${where}`).join(", ");
    return [
      { subject, verdict: "absent", detail: said === "" ? "sandbox_mode is not set: the default confines" : said },
    ];
  },
};
