import { oneLine } from "../base/text.ts";
import { isCredentialName, isReference, maskArgs, maskUrl } from "./credentials.ts";
import { entries, field, pointer, textOf, textsOf } from "./formats.ts";
import type { AgentKind } from "./stack.ts";

/** An MCP server as one agent's configuration names it. Holds no credential: those are masked, and only their places kept. */
export type McpServer = {
  agent: AgentKind;
  name: string;
  file: string;
  /** JSON pointer of the entry in the file. */
  place: string;
  transport: "stdio" | "http" | "unknown";
  command: string | undefined;
  args: string[];
  /** Names alone. */
  envNames: string[];
  headerNames: string[];
  url: string | undefined;
  /** Where a literal credential stands: env, header, argument or URL. The name of the setting, never its value. */
  literals: { place: string; name: string }[];
  isEnabled: boolean;
  /** The agent runs this server's tools without asking (`trust` of Gemini CLI). */
  isTrusted: boolean;
};

type Where = { agent: AgentKind; file: string; path: string[] };

/** The servers of one table `{ name: entry }`. An entry of another shape is told to `malformed` and left out. */
export function serversIn(table: unknown, where: Where, malformed: (place: string) => void): McpServer[] {
  return entries(table).flatMap(([name, entry]) => {
    const place = pointer(...where.path, name);
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
      malformed(place);
      return [];
    }
    return [serverOf(name, entry, { ...where, place })];
  });
}

function serverOf(name: string, entry: object, where: Where & { place: string }): McpServer {
  const { words, at } = commandOf(entry);
  const { args: masked, masked: literalArgs } = maskArgs(words);
  const [command, ...args] = masked;
  const url = ["url", "httpUrl", "serverUrl"].map((key) => [key, textOf(field(entry, key))] as const);
  const [urlKey, rawUrl] = url.find(([, value]) => value !== undefined) ?? ["url", undefined];
  const shownUrl = rawUrl === undefined ? undefined : oneLine(maskUrl(rawUrl), 300);
  const literals = [
    ...literalArgs.map(({ index, name }) => ({ place: `${where.place}${at(index)}`, name })),
    ...literalsIn(entry, "env", where.place),
    ...literalsIn(entry, "headers", where.place),
    ...literalsIn(entry, "http_headers", where.place),
    ...(rawUrl !== undefined && maskUrl(rawUrl) !== rawUrl
      ? [{ place: where.place + pointer(urlKey), name: "URL" }]
      : []),
  ];
  return {
    agent: where.agent,
    name: oneLine(name, 100),
    file: where.file,
    place: where.place,
    transport: rawUrl !== undefined ? "http" : command !== undefined ? "stdio" : "unknown",
    command: command === undefined ? undefined : oneLine(command, 300),
    args: args.slice(0, 200).map((arg) => oneLine(arg, 1_000)),
    envNames: [...namesIn(entry, "env"), ...textsOf(field(entry, "env_vars"))],
    headerNames: [...namesIn(entry, "headers"), ...namesIn(entry, "http_headers")],
    url: shownUrl,
    literals,
    isEnabled: field(entry, "disabled") !== true && field(entry, "enabled") !== false,
    isTrusted: field(entry, "trust") === true,
  };
}

/** The program and its arguments, and where in the entry each word stands. */
function commandOf(entry: object): { words: string[]; at: (index: number) => string } {
  const command = textOf(field(entry, "command"));
  if (command !== undefined) {
    const at = (index: number) => (index === 0 ? pointer("command") : pointer("args", index - 1));
    return { words: [command, ...textsOf(field(entry, "args"))], at };
  }
  return { words: textsOf(field(entry, "command")), at: (index) => pointer("command", index) };
}

function namesIn(entry: object, key: string): string[] {
  return entries(field(entry, key)).map(([name]) => oneLine(name, 200));
}

function literalsIn(entry: object, key: string, place: string): { place: string; name: string }[] {
  return entries(field(entry, key)).flatMap(([name, value]) =>
    typeof value === "string" && isCredentialName(name) && !isReference(value)
      ? [{ place: place + pointer(key, name), name: oneLine(name, 100) }]
      : [],
  );
}
