/**
 * The smallest change of an agent's own settings that closes what a row of the tool plane found open, in the words of each vendor
 * (code.claude.com/docs/en/permissions, developers.openai.com/codex/config-reference, geminicli.com/docs/reference/configuration).
 * By check; the instance is what stands behind its colon: `agent/path/capability`.
 */
export const TOOL_REVERSALS: Readonly<Record<string, (instance: string) => string>> = {
  "tool-plane": closePath,
  "tool-rule": closePath,
  "mcp-identity": (instance) => confine(`the server ${second(instance)}`),
  "hook-identity": (instance) => confine(`what the hook ${second(instance)} starts`),
  "agent-sandbox": (instance) => IN_FORCE[first(instance)] ?? confine("its commands"),
};

function closePath(instance: string): string {
  const path = second(instance);
  if (path.startsWith("(")) return confine(path === "(hook)" ? "what its hooks start" : "its MCP servers");
  // Whoever asks, and in whichever way: a rule binds the tool by its name.
  const tool = (path.split(">").at(-1) ?? path).split("+")[0] ?? path;
  const hatch = path.includes("+dangerouslyDisableSandbox");
  switch (first(instance)) {
    case "claude-code":
      if (hatch) return 'set "sandbox": {"allowUnsandboxedCommands": false} in Claude Code\'s settings';
      return path.endsWith("+node")
        ? 'take "Bash(node:*)" and other interpreters out of permissions.allow in Claude Code\'s settings'
        : `add "${tool}" to permissions.deny in Claude Code's settings`;
    case "codex": {
      const [, server, name] = /^(?:mcp__)?(.+?)(?:__|\.)(.+)$/.exec(tool) ?? [];
      return server === undefined || name === undefined
        ? 'set approval_policy = "untrusted" in Codex\' config.toml'
        : `add "${name}" to disabled_tools of [mcp_servers.${server}] in Codex' config.toml`;
    }
    default:
      return `add "${tool}" to tools.exclude in the agent's settings`;
  }
}

const IN_FORCE: Readonly<Record<string, string>> = {
  "claude-code":
    'set "sandbox": {"failIfUnavailable": true} in Claude Code\'s settings, install bubblewrap and socat where it runs, and empty sandbox.excludedCommands',
  codex:
    "let Codex make its sandbox where it runs (user namespaces, or Landlock), and take wide places out of writable_roots",
  "gemini-cli": 'set "tools": {"sandbox": "docker"} where Docker is, so that the whole of Gemini CLI is confined',
};

function confine(what: string): string {
  return `start ${what} in a sandbox as narrow as the shell's, or the whole agent in one (bwrap, docker run, srt)`;
}

function first(instance: string): string {
  return instance.split("/")[0] ?? "";
}

function second(instance: string): string {
  return instance.split("/")[1] ?? "";
}
