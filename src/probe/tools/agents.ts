import { guestArgv } from "../../guest/argv.ts";
import { type Call, MODEL_URL, type Protocol, SUB_AGENT } from "../../guest/tools/order.ts";
import type { CommandLine, DrivenAgent } from "./find.ts";
import { KIT_PATH } from "./kit.ts";

/**
 * How each agent's command line is driven without a person: its protocol, its arguments, what its own tools are for. No flag
 * here takes a question away: what the stack's settings let through is what runs.
 */
export type Role = "shell" | "reader" | "writer" | "editor" | "searcher" | "patcher" | "fetcher" | "vendor";

export type AgentDriver = {
  protocol: Protocol;
  /** Its own tools that canaries are sent through; what it offers besides is counted as not driven. */
  tools: Readonly<Record<string, Role>>;
  /** A tool of an MCP server, by the name that the agent gives it: server and tool, or undefined for one of its own. */
  serverOf(tool: string): { server: string; tool: string } | undefined;
  subAgents: SubAgents;
  /** Its shell tool is also where a patch is handed in, which the agent then applies itself. */
  patchesByShell?: boolean;
  arguments(posts: Posts): string[];
  /** Keeps the stack's own servers out, and leaves our post: for a start that waits for one that never answers. Empty when it waits for none. */
  withoutServers: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Content of the file that SETTINGS_FILE names, when arguments cannot say where the posts stand. */
  settings?: (posts: Posts) => string;
};

/** How it is told to have another agent do something. */
type SubAgents = {
  tool: string;
  /** The kind that every installation has. */
  general: string;
  /** Whether a kind that the stack declares can be asked for by name. */
  hasKinds: boolean;
  /** The calls that start one with a task and wait for its end. */
  start(kind: string, task: string): Call[];
};

/** Argvs of ours that the agent starts by itself. */
export type Posts = { server: readonly string[]; hook: readonly string[] };

export const POST_SERVER = "weakdoor-post";
/** In `env` of an agent that takes no arguments for its settings, this stands for the file's path inside. */
const SETTINGS_FILE = "{settings}";
const PROMPT = "Go on as you were told.";
/** Longest wait for a sub-agent; the whole run has a limit of its own. */
const SUB_AGENT_MS = 120_000;

export const AGENT_DRIVERS: Readonly<Record<DrivenAgent, AgentDriver>> = {
  // code.claude.com/docs/en/cli-reference and /settings
  "claude-code": {
    protocol: "anthropic",
    tools: {
      Bash: "shell",
      Read: "reader",
      Write: "writer",
      Edit: "editor",
      Grep: "searcher",
      WebFetch: "fetcher",
      WebSearch: "vendor",
    },
    subAgents: {
      tool: "Agent",
      general: "general-purpose",
      hasKinds: true,
      start: (kind, prompt) => [
        {
          tool: "Agent",
          input: { description: "Goes on as told", prompt, subagent_type: kind, run_in_background: false },
        },
      ],
    },
    serverOf: (tool) => double(tool, /^mcp__(.+?)__(.+)$/),
    arguments: ({ server, hook }) => [
      "-p",
      PROMPT,
      "--output-format",
      "json",
      "--mcp-config",
      JSON.stringify({ mcpServers: { [POST_SERVER]: { command: server[0], args: server.slice(1) } } }),
      "--settings",
      JSON.stringify({
        hooks: { SessionStart: [{ hooks: [{ type: "command", command: quoted(hook) }] }] },
        // Else it asks its vendor for leave first, who is not here: a list of domains, and no wall of the stack.
        skipWebFetchPreflight: true,
        // A room of ours cannot mount a /proc within itself; nothing that a canary asks for hangs on that. Switches nothing on.
        sandbox: { enableWeakerNestedSandbox: true },
      }),
    ],
    withoutServers: ["--strict-mcp-config"],
    env: {
      ANTHROPIC_BASE_URL: MODEL_URL,
      ANTHROPIC_API_KEY: "no-key-is-needed",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      // Of a server that never answers; half a minute otherwise.
      MCP_TIMEOUT: "10000",
      // Else a server's tools are named only when the model asks for them.
      ENABLE_TOOL_SEARCH: "false",
    },
  },
  // developers.openai.com/codex/config-reference
  codex: {
    protocol: "openai",
    tools: { exec_command: "shell", shell: "shell", shell_command: "shell", apply_patch: "patcher" },
    subAgents: {
      tool: "multi_agent_v1.spawn_agent",
      general: "",
      hasKinds: false,
      start: (_kind, message) => [
        { tool: "multi_agent_v1.spawn_agent", input: { message } },
        { tool: "multi_agent_v1.wait_agent", input: { targets: [SUB_AGENT], timeout_ms: SUB_AGENT_MS } },
      ],
    },
    patchesByShell: true,
    serverOf: (tool) => double(tool, /^(?:mcp__)?(.+?)(?:__|\.)(.+)$/),
    arguments: ({ server, hook }) => [
      "exec",
      "--skip-git-repo-check",
      ...setting("model", JSON.stringify("gpt-scripted")),
      ...setting("model_provider", JSON.stringify("scripted")),
      ...setting(
        "model_providers.scripted",
        `{name="scripted",base_url="${MODEL_URL}/v1",wire_api="responses",env_key="SCRIPTED_KEY",request_max_retries=0,stream_max_retries=0}`,
      ),
      ...setting(
        `mcp_servers.${POST_SERVER}`,
        `{command=${JSON.stringify(server[0])},args=${JSON.stringify(server.slice(1))}}`,
      ),
      ...setting("notify", JSON.stringify(hook)),
      ...setting("analytics.enabled", "false"),
      ...setting("check_for_update_on_startup", "false"),
      PROMPT,
    ],
    // It gives each ten seconds and goes on.
    withoutServers: [],
    env: { SCRIPTED_KEY: "no-key-is-needed" },
  },
  // geminicli.com/docs/reference/configuration
  "gemini-cli": {
    protocol: "gemini",
    tools: {
      run_shell_command: "shell",
      read_file: "reader",
      write_file: "writer",
      grep_search: "searcher",
      search_file_content: "searcher",
      replace: "editor",
      web_fetch: "fetcher",
      google_web_search: "vendor",
    },
    subAgents: {
      tool: "invoke_agent",
      general: "generalist",
      hasKinds: true,
      start: (kind, prompt) => [{ tool: "invoke_agent", input: { agent_name: kind, prompt } }],
    },
    serverOf: (tool) => double(tool, /^(?:mcp_)(.+?)_(.+)$/),
    arguments: () => ["-p", PROMPT, "--output-format", "json", "-m", "gemini-2.5-flash"],
    withoutServers: ["--allowed-mcp-server-names", POST_SERVER],
    env: {
      GOOGLE_GEMINI_BASE_URL: MODEL_URL,
      GEMINI_API_KEY: "no-key-is-needed",
      // It starts itself once more otherwise, by a path that is the loader's here.
      GEMINI_CLI_NO_RELAUNCH: "true",
      GEMINI_CLI_SYSTEM_SETTINGS_PATH: SETTINGS_FILE,
    },
    settings: ({ server, hook }) =>
      JSON.stringify({
        security: { auth: { selectedType: "gemini-api-key" } },
        privacy: { usageStatisticsEnabled: false },
        general: { enableAutoUpdate: false },
        mcpServers: { [POST_SERVER]: { command: server[0], args: server.slice(1) } },
        hooks: { SessionStart: [{ hooks: [{ type: "command", command: quoted(hook) }] }] },
      }),
  },
};

function double(tool: string, pattern: RegExp): { server: string; tool: string } | undefined {
  const [, server, name] = pattern.exec(tool) ?? [];
  return server === undefined || name === undefined ? undefined : { server, tool: name };
}

function setting(name: string, value: string): string[] {
  return ["-c", `${name}=${value}`];
}

/** For a shell; our own paths have no quotes in them. */
function quoted(argv: readonly string[]): string {
  return argv.map((word) => `'${word}'`).join(" ");
}

/** How one agent is started: its argv, its environment, and the content of its settings file if it takes one. Of ours only what is named here; of the stack what it declares. */
export function startOf(
  commandLine: CommandLine,
  posts: { server: string; hook: string; settings: string },
  { env, hasServers }: { env: Readonly<Record<string, string>>; hasServers: boolean },
): { argv: [string, ...string[]]; env: Record<string, string>; settings: string | undefined } {
  const driver = AGENT_DRIVERS[commandLine.agent];
  const argvs = {
    server: guestArgv("tools", ["server", posts.server]),
    hook: guestArgv("tools", ["hook", posts.hook]),
  };
  const own = Object.entries(driver.env).map(([name, value]) => [name, value.replace(SETTINGS_FILE, posts.settings)]);
  return {
    argv: [...commandLine.argv, ...driver.arguments(argvs), ...(hasServers ? [] : driver.withoutServers)],
    env: { ...env, ...throughProxy(env), PATH: KIT_PATH, SHELL: "/bin/bash", ...Object.fromEntries(own) },
    settings: driver.settings?.(argvs),
  };
}

/** A declared proxy is for what is outside, and the scripted model stands inside; programs of ours take the proxy as others do. */
function throughProxy(env: Readonly<Record<string, string>>): Record<string, string> {
  const names = ["NO_PROXY", "no_proxy"];
  const own = Object.fromEntries(names.map((name) => [name, [env[name], "127.0.0.1"].filter(Boolean).join(",")]));
  return { ...own, NODE_USE_ENV_PROXY: "1" };
}
