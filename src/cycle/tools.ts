import { messageOf, Stopped } from "../base/errors.ts";
import { type Gateway, GatewayLost } from "../egress/egress.ts";
import { declarationOf } from "../probe/tools/declared.ts";
import { ownSandboxOf } from "../probe/tools/declaredSandbox.ts";
import { type CommandLine, DRIVEN, findCommandLine } from "../probe/tools/find.ts";
import { joinedPlanes, notMeasured, withCaveat } from "../probe/tools/rows.ts";
import { measureAgent, type ToolPlane } from "../probe/tools/tools.ts";
import { readDeclared } from "../stack/declared.ts";
import { type Discovered, discover } from "../stack/discover.ts";
import { openStack } from "../stack/reader.ts";
import type { Declared } from "../stack/stack.ts";
import { type Copy, makeCopy } from "./copy.ts";
import type { Ground } from "./ground.ts";
import { OUTSIDE, openToolRoom } from "./toolRoom.ts";

/**
 * The tool plane of the stack (probe/tools/tools.ts), in a room of its own: the target's sandbox once more, around a clone of its
 * own, with the agents' command lines in it. What they write there nobody else measures, and what they need there (a loader, a
 * shell) the target is not measured with.
 */
export async function measureTools(ground: Ground, gateway: Gateway, original: Discovered): Promise<ToolPlane> {
  const { stack, probe } = ground.config;
  if (!probe.tools) return joinedPlanes([skipped("all agents", "weakdoor.yaml sets probe.tools: false")]);
  const there = DRIVEN.filter((agent) => original.agents.some(({ kind }) => kind === agent));
  if (there.length === 0)
    return joinedPlanes([skipped("all agents", "the stack has none whose command line can be driven")]);
  const looked = await Promise.all(
    there.map(async (agent) => ({
      agent,
      ...(await findCommandLine(agent, { home: stack.home, directories: probe.agentDirectories })),
    })),
  );
  const absent = looked.flatMap((one) => (one.status === "absent" ? [skipped(one.agent, one.reason)] : []));
  const commandLines = looked.flatMap((one) => (one.status === "found" ? [one.commandLine] : []));
  if (commandLines.length === 0) return joinedPlanes(absent);
  await using clone = await makeCopy(ground, "tools");
  return joinedPlanes([...absent, ...(await inRoom(ground, gateway, clone, commandLines))]);
}

/** Never throws for what a room or an agent does: that is said, and the cycle goes on. */
async function inRoom(
  ground: Ground,
  gateway: Gateway,
  clone: Copy,
  commandLines: readonly CommandLine[],
): Promise<ToolPlane[]> {
  const { target, stack } = ground.config;
  try {
    const declared = await readDeclared(clone, target.declaredBy, { home: stack.home, workspace: stack.workspace });
    const hasOwnSandbox = await someSandboxOfTheirOwn(clone, declared, commandLines);
    await using opened = await openToolRoom(ground, gateway, { clone, declared, commandLines, hasOwnSandbox });
    if (opened.status === "refused") return commandLines.map(({ agent }) => skipped(agent, opened.reason));
    const found = await discover(clone, { agents: stack.agents, workspaceNames: [stack.workspace] });
    const planes: ToolPlane[] = [];
    for (const commandLine of commandLines) {
      const said = await declarationOf(commandLine.agent, found, openStack(clone), opened.layout);
      const plane = await measureAgent(opened.room, commandLine, said);
      planes.push(opened.caveat === "" ? plane : withCaveat(plane, opened.caveat));
    }
    return planes;
  } catch (thrown) {
    if (thrown instanceof Stopped || thrown instanceof GatewayLost || ground.signal.aborted) throw thrown;
    return commandLines.map(({ agent }) => notMeasured(agent, messageOf(thrown)));
  }
}

async function someSandboxOfTheirOwn(
  clone: Copy,
  { homePath: home, workspacePath: workspace }: Declared,
  commandLines: readonly CommandLine[],
): Promise<boolean> {
  const layout = { home, workspace, outside: OUTSIDE, hostOf: () => undefined };
  const reader = openStack(clone);
  const found = await Promise.all(commandLines.map(({ agent }) => ownSandboxOf(agent, reader, layout)));
  return found.some((one) => one !== undefined);
}

function skipped(agent: string, why: string): ToolPlane {
  return notMeasured(agent, why, "skipped");
}
