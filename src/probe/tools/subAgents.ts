import { randomBytes } from "node:crypto";
import type { Call, SubScript } from "../../guest/tools/order.ts";
import type { Transcript } from "../../guest/tools/transcript.ts";
import type { AgentDriver } from "./agents.ts";
import type { Capability } from "./canaries.ts";
import { steady } from "./join.ts";
import { type Plan, planOf } from "./plan.ts";

/** A sub-agent that the agent is told to start: the calls that do it, and the word by which its own conversation is known. */
export type Delegation = {
  /** Of a path through one of its tools, before the tool's name: `Agent>`, `Agent(reviewer)>`. */
  within: string;
  marker: string;
  start: Call[];
};

/** Kinds that the stack declares, at most; each costs as many calls as the agent itself. */
const KINDS_MAX = 3;

/** The kind that every installation has, and those that the stack declares by name. */
export function delegationsOf({ subAgents }: AgentDriver, declared: readonly string[]): Delegation[] {
  const { tool, general, hasKinds } = subAgents;
  const own = hasKinds ? declared.slice(0, KINDS_MAX) : [];
  return [...new Set([general, ...own])].map((kind) => {
    const marker = `weakdoor-${randomBytes(8).toString("hex")}`;
    const named = kind === general ? tool : `${tool}(${kind})`;
    return { within: `${named}>`, marker, start: subAgents.start(kind, `Go on as you were told: ${marker}`) };
  });
}

/** One that only says what it is offered. */
export function emptyScripts(delegations: readonly Delegation[]): SubScript[] {
  return delegations.map(({ marker }) => ({ marker, calls: [] }));
}

export type Delegated = { delegation: Delegation; plan: Plan };

/**
 * What the sub-agents are to do, from what they said they are offered. One that did not begin is a path that was not driven, with what
 * the agent said of it.
 */
export function planDelegations(
  delegations: readonly Delegation[],
  offered: Pick<Transcript, "answers" | "subs">,
  driver: AgentDriver,
  capabilities: readonly Capability[],
): { delegated: Delegated[]; notDriven: Plan["notDriven"] } {
  const delegated: Delegated[] = [];
  const notDriven: Plan["notDriven"] = [];
  let call = 0;
  for (const [i, delegation] of delegations.entries()) {
    const said = offered.answers[call]?.text ?? "the agent ended before";
    call += delegation.start.length;
    const conversation = offered.subs[i];
    if (conversation === undefined || conversation.turns === 0)
      notDriven.push({ tool: delegation.within.slice(0, -1), why: `no sub-agent began: ${steady(said)}` });
    else delegated.push({ delegation, plan: planOf(conversation.tools, driver, capabilities, delegation.within) });
  }
  return { delegated, notDriven };
}
