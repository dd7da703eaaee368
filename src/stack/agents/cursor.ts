import { entries, field, pointer, textOf } from "../formats.ts";
import type { StackReader } from "../reader.ts";
import { type AgentReader, type Hook, instructionsIn, list, mcpServersOf, present } from "./agent.ts";

const CONFIGS = ["home/.cursor/mcp.json", "workspace/.cursor/mcp.json"];
const HOOKS = ["home/.cursor/hooks.json", "workspace/.cursor/hooks.json"];

/** Cursor: `mcpServers` for the user and the project, rules as `.mdc` files, hooks as `{ event: [{ command }] }`. */
export const cursor: AgentReader = {
  kind: "cursor",
  async read(reader) {
    const mcpServers = [];
    for (const file of CONFIGS) mcpServers.push(...(await mcpServersOf(reader, "cursor", file, ["mcpServers"])));
    const hooks = (await Promise.all(HOOKS.map((file) => hooksOf(reader, file)))).flat();
    const legacy = await present(reader, ["workspace/.cursorrules"]);
    const instructions = [
      ...(await instructionsIn(reader, "workspace/.cursor/rules", "rule")),
      ...legacy.map((file) => ({ file, kind: "rule" as const })),
    ];
    return { files: await present(reader, [...CONFIGS, ...HOOKS]), mcpServers, hooks, instructions };
  },
};

async function hooksOf(reader: StackReader, file: string): Promise<Hook[]> {
  return entries(field(await reader.json(file), "hooks")).flatMap(([event, group]) =>
    list(group).flatMap((hook, i) => {
      const command = textOf(field(hook, "command"));
      const place = pointer("hooks", event, i, "command");
      return command === undefined ? [] : [{ agent: "cursor" as const, file, place, event, command }];
    }),
  );
}
