/** What CONTROL has the tool-plane program do inside. The program takes it as it is: it comes from the host. */
export type Protocol = "anthropic" | "openai" | "gemini";

/** One call that the scripted model makes. */
export type Call = {
  tool: string;
  /** An object of arguments, or the text of a tool that takes free text. */
  input: Readonly<Record<string, unknown>> | string;
};

/** What a sub-agent is told to do: known by `marker`, a word that stands in its task and nowhere else. */
export type SubScript = { marker: string; calls: readonly Call[] };

/** In a call's input this stands for what the agent named the sub-agent that it started last. */
export const SUB_AGENT = "{sub-agent}";

/** In `argv` and `env` of a drive this stands for the URL of the scripted model. */
export const MODEL_URL = "{model}";

/** Something to try as a plain process, without any tool of an agent around it. */
export type Attempt =
  | { do: "read"; path: string }
  | { do: "write"; path: string; content: string }
  | { do: "connect"; path: string }
  | { do: "fetch"; url: string };

/** Variables that name a proxy, as the stack declares them. */
export type Proxies = Readonly<Record<string, string>>;
export type Attempts = { attempts: readonly Attempt[]; proxies: Proxies };

export type Order =
  /** Runs an agent against the scripted model, which makes the calls one after the other, one a turn. */
  | {
      mode: "drive";
      protocol: Protocol;
      argv: readonly [string, ...string[]];
      env: Readonly<Record<string, string>>;
      cwd: string;
      calls: readonly Call[];
      /** One for each sub-agent that the calls start. */
      subs: readonly SubScript[];
      timeoutMs: number;
    }
  /** Makes the attempts itself: what the sandbox lets a process do that no agent holds back. */
  | ({ mode: "attempt" } & Attempts);

/**
 * A post stands where an agent starts programs by itself, as a hook or as an MCP server: it makes the attempts of the file that its
 * argument names, and puts what came of them into the first of `answers` that it may write.
 */
export type Post = Attempts & {
  answers: readonly string[];
  /** It stays until this file is there, or for so long: the host looks at it meanwhile. */
  until: string;
  untilMs: number;
};
