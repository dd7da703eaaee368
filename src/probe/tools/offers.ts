import type { Call } from "../../guest/tools/order.ts";
import type { OfferedTool, Transcript } from "../../guest/tools/transcript.ts";
import { AGENT_DRIVERS, type AgentDriver } from "./agents.ts";
import type { Capability } from "./canaries.ts";
import { type Driven, drive, type Script } from "./drive.ts";
import type { CommandLine } from "./find.ts";
import type { Cell } from "./join.ts";
import { BY_THE_VENDOR, type Plan, planOf } from "./plan.ts";
import type { Standing } from "./posts.ts";
import { type Delegated, type Delegation, emptyScripts, planDelegations } from "./subAgents.ts";
import type { Declaration, ToolRoom } from "./tools.ts";

/** What the agent offers its model, and what became of each sub-agent that it was told to start; `hasServers` false when it began only without its own. */
type Offers = {
  status: "offered";
  transcript: Transcript;
  delegations: readonly Delegation[];
  hasServers: boolean;
};

/** Asks it, once more without its own servers where it did not begin with them. */
export async function offersOf(
  room: ToolRoom,
  commandLine: CommandLine,
  posts: readonly Standing[],
  delegations: readonly Delegation[],
): Promise<Offers | Extract<Driven, { status: "failed" }>> {
  const script = { calls: delegations.flatMap(({ start }) => start), subs: emptyScripts(delegations) };
  for (const hasServers of [true, false]) {
    const offered = await drive(room, commandLine, posts, { ...script, hasServers });
    const mayBegin = hasServers && AGENT_DRIVERS[commandLine.agent].withoutServers.length > 0;
    if (offered.status === "failed" && !(offered.isTimedOut && mayBegin)) return offered;
    if (offered.status === "failed") continue;
    return { status: "offered", transcript: offered.transcript, delegations, hasServers };
  }
  throw new Error("an agent is started without its servers at the last");
}

/** `all` of them, and every tool that none of them drives. */
type Plans = { own: Plan; delegated: Delegated[]; all: Plan[]; notDriven: Plan["notDriven"] };

export function plansFor(
  { transcript, delegations }: Offers,
  driver: AgentDriver,
  capabilities: readonly Capability[],
  declared: Pick<Declaration, "servers" | "remote">,
): Plans {
  const own = planOf(transcript.tools, driver, capabilities);
  const { delegated, notDriven } = planDelegations(delegations, transcript, driver, capabilities);
  const all = [own, ...delegated.map(({ plan }) => plan)];
  const ofTheVendor = transcript.vendorTools.map((tool) => ({ tool, why: BY_THE_VENDOR }));
  const ofServers = silentServers(transcript.tools, driver, declared);
  return {
    own,
    delegated,
    all,
    notDriven: [...all.flatMap((plan) => plan.notDriven), ...notDriven, ...ofTheVendor, ...ofServers],
  };
}

/** Servers of the stack of which no tool was offered: what they would let through was not looked at. */
function silentServers(
  tools: readonly OfferedTool[],
  driver: AgentDriver,
  { servers, remote }: Pick<Declaration, "servers" | "remote">,
): Plan["notDriven"] {
  const plain = (name: string) => name.replaceAll(/[^A-Za-z0-9]/g, "_").toLowerCase();
  const offering = new Set(tools.map(({ name }) => plain(driver.serverOf(name)?.server ?? "")));
  const silent = (name: string) => !offering.has(plain(name));
  return [
    ...servers
      .filter(({ name }) => silent(name))
      .map(({ name }) => ({
        tool: `mcp__${name}`,
        why: "the server offered no tool: it did not start here, or has none",
      })),
    ...remote
      .filter(({ name }) => silent(name))
      .map(({ name, at }) => ({
        tool: `mcp__${name}`,
        why: `the server at ${at} offered no tool: it is not in this room`,
      })),
  ];
}

/** Its own calls first, so that a sub-agent that never ends costs only its own. */
export function scriptOf({ own, delegated }: Plans, shellCalls: readonly Call[]): Pick<Script, "calls" | "subs"> {
  const calls = (plan: Plan) => plan.trials.map(({ call }) => call);
  const begin = delegated.flatMap(({ delegation }) => delegation.start);
  const subs = delegated.map(({ delegation, plan }) => ({ marker: delegation.marker, calls: calls(plan) }));
  return { calls: [...calls(own), ...shellCalls, ...begin], subs };
}

export function gapsOf({ hasServers }: Offers, cells: readonly Cell[], { tools }: AgentDriver): string[] {
  const hasShell = cells.some(({ path }) => tools[path] === "shell");
  return [
    ...(hasServers ? [] : ["with its own MCP servers it did not begin in its time, and they were left out"]),
    ...(hasShell ? [] : ["no tool that it offers is known as its shell, so nothing is held against one"]),
  ];
}
