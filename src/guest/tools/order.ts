/** What CONTROL has the tool-plane program do inside. The program takes it as it is: it comes from the host. */
export type Protocol = "anthropic" | "openai" | "gemini";

/** One call that the scripted model makes. */
export type Call = {
  tool: string;
  /** An object of arguments, or the text of a tool that takes free text. */
  input: Readonly<Record<string, unknown>> | string;
};

/** In `argv` and `env` of a drive this stands for the URL of the scripted model. */
export const MODEL_URL = "{model}";

/** Something to try as a plain process, without any tool of an agent around it. */
export type Attempt =
  | { do: "read"; path: string }
  | { do: "write"; path: string; content: string }
  | { do: "connect"; path: string };

export type Order =
  /** Runs an agent against the scripted model, which makes the calls one after the other, one a turn. */
  | {
      mode: "drive";
      protocol: Protocol;
      argv: readonly [string, ...string[]];
      env: Readonly<Record<string, string>>;
      cwd: string;
      calls: readonly Call[];
      timeoutMs: number;
    }
  /** Makes the attempts itself: what the sandbox lets a process do that no agent holds back. */
  | { mode: "attempt"; attempts: readonly Attempt[] };

/**
 * A post stands where an agent starts programs by itself, as a hook or as an MCP server: it makes the attempts of the file that its
 * argument names, and puts what came of them into the first of `answers` that it may write.
 */
export type Post = {
  attempts: readonly Attempt[];
  answers: readonly string[];
  /** It stays until this file is there, or for so long: the host looks at it meanwhile. */
  until: string;
  untilMs: number;
};
