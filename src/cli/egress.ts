import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { loadAllowlist, type Rule } from "../egress/allowlist.ts";
import { decide } from "../egress/decide.ts";
import { proposalYaml, proposeRules } from "../egress/learn.ts";
import { egressLogPath, readLog } from "../egress/readLog.ts";
import { answerFor } from "../egress/reasons.ts";
import { dayOf } from "../egress/ruleDay.ts";
import { openStore } from "../store/openStore.ts";
import { showLog } from "./egressShow.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Io, text, type Verb, type VerbInput } from "./verb.ts";

const USAGE =
  "egress show [--cycle ID] [--sandbox NAME] [--host HOST] [--verdict allow|internal|deny] [--rule ID] [--reason WORD] [--sni NAME] [--alpn PROTOCOL] [--ech] | explain URL [--method M] [--content-type TYPE] [--role R] [--allowlist FILE] | learn [--cycle ID]  [--json] [--state DIR]";

/** What left a sandbox, what may leave it, and what a rule would have to say. Sends nothing. */
export const verb: Verb = {
  name: "egress",
  summary: "show what went out, explain what may, or propose rules from a recorded cycle",
  usage: USAGE,
  argumentsMax: 2,
  options: {
    ...STATE_OPTIONS,
    cycle: { type: "string" },
    sandbox: { type: "string" },
    host: { type: "string" },
    verdict: { type: "string" },
    rule: { type: "string" },
    reason: { type: "string" },
    sni: { type: "string" },
    alpn: { type: "string" },
    ech: { type: "boolean" },
    method: { type: "string" },
    "content-type": { type: "string" },
    role: { type: "string" },
    allowlist: { type: "string" },
    json: { type: "boolean" },
  },
  async run({ values, positionals, io, cwd }) {
    const [what, url] = positionals;
    switch (what) {
      case "show":
        return showLog(logOf(values, cwd), values, io);
      case "explain":
        return explain(url, values, cwd, io);
      case "learn":
        return learn(values, cwd, io);
      case undefined:
      default:
        throw new OperatorError("egress needs show, explain or learn", `usage: weakdoor ${USAGE}`);
    }
  },
};

type Values = VerbInput["values"];

const SOURCES = fileURLToPath(new URL("../../allowlists/sources.yaml", import.meta.url));

async function explain(url: string | undefined, values: Values, cwd: string, io: Io): Promise<number> {
  if (url === undefined || !URL.canParse(url))
    throw new OperatorError(
      "explain needs a whole URL",
      "as in weakdoor egress explain https://api.osv.dev/v1/query",
    );
  const role = text(values, "role") ?? "lab";
  if (role !== "lab" && role !== "target" && role !== "scratch")
    throw new OperatorError(`there is no role ${oneLine(role, 60)}`, "roles: lab, target, scratch");
  const list = await loadAllowlist(resolve(cwd, text(values, "allowlist") ?? SOURCES), systemClock.now());
  // Taken apart by hand: the parser of URLs repairs what the gateway refuses.
  const [, scheme = "", authority = "", path = "/"] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(url) ?? [];
  const method = (text(values, "method") ?? "GET").toUpperCase();
  const decision = decide(
    {
      role,
      method,
      scheme: scheme.toLowerCase(),
      authority: method === "CONNECT" ? withPort(authority, scheme) : authority,
      path: path.startsWith("/") ? path : `/${path}`,
      contentType: text(values, "content-type"),
    },
    { isLatched: false, today: dayOf(systemClock.now()), canaryHosts: [], rules: list.rules },
  );
  if (flag(values, "json")) io.json(decision);
  else if (decision.verdict === "allow")
    io.out(`allowed by ${decision.rule.id} (${decision.template})${wayOf(decision.rule)}: ${decision.rule.why}`);
  else if (decision.verdict === "tunnel")
    io.out(`a tunnel that ${decision.rule.id} ${TUNNELS[decision.rule.mode]}: ${decision.rule.why}`);
  else if (decision.verdict === "internal") io.out(`answered by the gateway itself: ${decision.authority}`);
  else io.out(`denied, ${decision.reason}: a sandbox is told that ${answerFor(decision.reason).sentence}`);
  return EXIT.nothingNew;
}

/** What has no TLS has no tunnel either. */
function wayOf({ scheme }: Rule): string {
  return scheme === "https" ? ", plain and in a tunnel, which is terminated" : "";
}

/** A tunnel is opened to a host and a port; a URL leaves the usual one out. */
function withPort(authority: string, scheme: string): string {
  return /:\d+$/.test(authority) ? authority : `${authority}:${scheme.toLowerCase() === "http" ? 80 : 443}`;
}

const TUNNELS = {
  terminate: "terminates: each request in it is decided on its own",
  splice: "splices: its bytes pass unseen, half of what the rule allows",
} as const;

function learn(values: Values, cwd: string, io: Io): number {
  const path = logOf(values, cwd);
  const { flows, brokenAt } = readLog(path);
  if (brokenAt !== null)
    throw new OperatorError(`${path}:${brokenAt} is no line of an egress log`, "it was changed or cut off");
  const proposals = proposeRules(flows);
  if (flag(values, "json")) io.json(proposals);
  else io.out(proposals.length === 0 ? "nothing was denied that a rule could allow" : proposalYaml(proposals));
  return EXIT.nothingNew;
}

/** Of the cycle that is named, else of the last one. */
function logOf(values: Values, cwd: string): string {
  const stateDir = requireState(values, cwd);
  const named = text(values, "cycle");
  if (named !== undefined && !/^[\w-]{1,80}$/.test(named))
    throw new OperatorError(`${oneLine(named, 80)} is no id of a cycle`, "weakdoor status names the last one");
  return egressLogPath(stateDir, named ?? lastCycle(stateDir));
}

function lastCycle(stateDir: string): string {
  const store = openStore(stateDir, { mayCreate: false });
  try {
    const last = store.cycles()[0];
    if (last !== undefined) return last.id;
    throw new OperatorError("no cycle has run yet", `run one first; its log is then in ${join(stateDir, "egress")}`);
  } finally {
    store.close();
  }
}
