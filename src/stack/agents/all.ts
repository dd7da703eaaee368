import type { AgentReader } from "./agent.ts";
import { claudeCode } from "./claude-code.ts";
import { codex } from "./codex.ts";
import { cursor } from "./cursor.ts";
import { geminiCli } from "./gemini-cli.ts";
import { vscode } from "./vscode.ts";

/** Every agent whose settings we can read. A new one is a file and a line here. */
export const AGENTS: readonly AgentReader[] = [claudeCode, codex, geminiCli, cursor, vscode];
