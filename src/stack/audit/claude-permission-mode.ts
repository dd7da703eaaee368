import { CLAUDE_SETTINGS } from "../agents/claude-code.ts";
import { field, textOf, textsOf } from "../formats.ts";
import type { AuditCheck, AuditRow } from "./check.ts";

type Rule = { instance: string; subject: string; isWeak: (settings: unknown) => string | undefined };

/** What each rule finds in one settings file: the setting as it stands there, or undefined (code.claude.com/docs/en/settings). */
const RULES: readonly Rule[] = [
  {
    instance: "bypass-permissions",
    subject: "Claude Code asks before it acts",
    isWeak: (s) =>
      textOf(field(s, "permissions", "defaultMode")) === "bypassPermissions"
        ? "permissions.defaultMode is bypassPermissions"
        : whenTrue(s, "skipDangerousModePermissionPrompt"),
  },
  {
    instance: "every-command",
    subject: "Claude Code's allowed commands",
    isWeak: (s) => {
      const wide = textsOf(field(s, "permissions", "allow")).find((rule) =>
        /^(\*|Bash(\((\*|:\*|\*:\*)\))?)$/.test(rule),
      );
      return wide === undefined ? undefined : `permissions.allow holds ${wide}`;
    },
  },
  {
    instance: "every-project-server",
    subject: "MCP servers that a project brings",
    isWeak: (s) => whenTrue(s, "enableAllProjectMcpServers"),
  },
  {
    instance: "sandbox-escape-hatch",
    subject: "ways around Claude Code's sandbox",
    isWeak: (s) => {
      const excluded = textsOf(field(s, "sandbox", "excludedCommands"));
      if (excluded.length > 0) return `sandbox.excludedCommands holds ${excluded.length} commands`;
      return (
        whenTrue(s, "sandbox", "allowUnsandboxedCommands") ?? whenTrue(s, "sandbox", "enableWeakerNestedSandbox")
      );
    },
  },
  {
    instance: "hook-answers-for-user",
    subject: "hooks that answer Claude Code's questions",
    isWeak: (s) =>
      field(s, "hooks", "PermissionRequest") === undefined
        ? undefined
        : "hooks.PermissionRequest can allow what a person is asked",
  },
];

/** Settings that make Claude Code act without asking, or outside of its sandbox. */
export const claudePermissionMode: AuditCheck = {
  check: "claude-permission-mode",
  category: "tool-plane",
  async run({ reader, discovered }) {
    const settings = await Promise.all(
      CLAUDE_SETTINGS.map(async (file) => ({ file, content: await reader.json(file) })),
    );
    const unread = [...discovered.problems, ...reader.problems].find(({ file }) =>
      (CLAUDE_SETTINGS as readonly string[]).concat("home/.claude", "workspace/.claude").includes(file),
    );
    return RULES.map(({ instance, subject, isWeak }): AuditRow => {
      const found = settings.flatMap(({ file, content }) => {
        const weak = isWeak(content);
        return weak === undefined ? [] : [`${weak} in ${file}`];
      });
      if (found.length > 0)
        return { instance, subject, verdict: "reachable", access: ["configure"], detail: found.join("; ") };
      if (unread !== undefined) {
        return { instance, subject, verdict: "not-measured", detail: `${unread.file}: ${unread.message}` };
      }
      return { instance, subject, verdict: "absent", detail: "in none of Claude Code's settings" };
    });
  },
};

function whenTrue(settings: unknown, ...path: string[]): string | undefined {
  return field(settings, ...path) === true ? `${path.join(".")} is true` : undefined;
}
