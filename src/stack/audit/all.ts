import type { AuditCheck } from "./check.ts";
import { claudePermissionMode } from "./claude-permission-mode.ts";
import { codexApprovalPolicy } from "./codex-approval-policy.ts";
import { codexSandboxMode } from "./codex-sandbox-mode.ts";
import { credentialsInConfig } from "./credentials-in-config.ts";
import { devcontainerEngineSocket } from "./devcontainer-engine-socket.ts";
import { devcontainerFlags } from "./devcontainer-flags.ts";
import { geminiTrust } from "./gemini-trust.ts";
import { hookRunsWorkspaceScript } from "./hook-runs-workspace-script.ts";
import { instructionHiddenText } from "./instruction-hidden-text.ts";
import { mcpRemotePlaintext } from "./mcp-remote-plaintext.ts";
import { mcpServerBroadRoot } from "./mcp-server-broad-root.ts";
import { mcpServerUnpinned } from "./mcp-server-unpinned.ts";
import { sandboxDeclared } from "./sandbox-declared.ts";

/** Every check of the audit, in the order of the report. */
export const AUDIT_CHECKS: readonly AuditCheck[] = [
  codexSandboxMode,
  codexApprovalPolicy,
  claudePermissionMode,
  geminiTrust,
  mcpServerUnpinned,
  mcpServerBroadRoot,
  mcpRemotePlaintext,
  credentialsInConfig,
  hookRunsWorkspaceScript,
  instructionHiddenText,
  sandboxDeclared,
  devcontainerFlags,
  devcontainerEngineSocket,
];
