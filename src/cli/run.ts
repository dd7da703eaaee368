import { join, resolve } from "node:path";
import { systemClock } from "../base/clock.ts";
import { allThrown, OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { type Config, loadConfig } from "../config/config.ts";
import { e2bSettings } from "../config/e2b.ts";
import { dockerSocketOf, readEnvironment, secretNamed } from "../config/env.ts";
import { CONFIG_NAME } from "../config/name.ts";
import { WiderLab } from "../cycle/measure.ts";
import { HarnessMiss } from "../cycle/preflight.ts";
import { runOnce } from "../cycle/run.ts";
import { GatewayLost, GuestFailed } from "../egress/egress.ts";
import type { ModelRelay } from "../egress/messages.ts";
import { Unverified } from "../sandbox/provision.ts";
import { buildDemo } from "../stack/demo.ts";
import { exitCodeOf, showOutcome, terminalProgress } from "./outcome.ts";
import { makeDirectory, makeState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Io, text, type Verb, type VerbInput } from "./verb.ts";
import { versionOf } from "./version.ts";

const DEFAULT_BASE_URL = { anthropic: "https://api.anthropic.com", openai: "https://api.openai.com" } as const;

/** One cycle, now. */
export const verb: Verb = {
  name: "run",
  summary: "run one cycle now (--demo: on the demo stack)",
  usage: "run [--config FILE | --demo] [--state DIR] [--reports DIR] [--json]",
  options: { ...STATE_OPTIONS, demo: { type: "boolean" }, reports: { type: "string" }, json: { type: "boolean" } },
  async run(input) {
    const { values, cwd, io, signal } = input;
    const { config, stateDir } = await configOf(input);
    const reportsDir = resolve(cwd, text(values, "reports") ?? "reports");
    // Before the cycle, not after it: a report that cannot be written is a cycle for nothing.
    makeDirectory(reportsDir, 0o755);
    const environment = readEnvironment();
    const dockerSocket = config.docker.socket ?? dockerSocketOf(environment);
    const outcome = await runOnce({
      config,
      stateDir,
      reportsDir,
      version: versionOf(),
      model: modelOf(config, environment),
      secretOf: (name) => secretNamed(environment, name),
      dockerSocket,
      e2b: e2bSettings(config, environment),
      clock: systemClock,
      signal,
      progress: terminalProgress(io),
    });
    if (outcome.status === "failed") return failed(outcome.error, io);
    if (flag(values, "json")) io.json(outcome.status === "complete" ? outcome.written.report : outcome);
    else showOutcome(outcome, config, io);
    return exitCodeOf(outcome, config);
  },
};

/** The exit code of a cycle that broke off, its line and hint printed. Throws what is a bug, or a person's to put right. */
function failed(error: unknown, io: Io): number {
  const thrown = allThrown(error);
  // The graver first: something may still be there.
  const survivor = thrown.find((one) => one instanceof Unverified);
  if (survivor !== undefined) {
    return say(io, survivor, "end what is named there, then run weakdoor sweep", EXIT.logOrPreflight);
  }
  const [first] = thrown;
  if (first instanceof WiderLab || first instanceof HarnessMiss || first instanceof GatewayLost) {
    const hint = "the cycle stopped before anything was concluded; weakdoor doctor shows what works on this machine";
    return say(io, first, hint, EXIT.logOrPreflight);
  }
  if (first instanceof GuestFailed) {
    const hint = "nothing was concluded; run it again, and if it stays so, look at what runs in that sandbox";
    return say(io, first, hint, EXIT.nothingChecked);
  }
  throw error;
}

function say(io: Io, error: Error, hint: string, code: number): number {
  io.err(`weakdoor: ${oneLine(error.message, 600)}`);
  io.err(`hint: ${hint}`);
  return code;
}

async function configOf({ values, cwd }: VerbInput): Promise<{ config: Config; stateDir: string }> {
  if (!flag(values, "demo")) {
    const config = await loadConfig(resolve(cwd, text(values, "config") ?? CONFIG_NAME));
    return { config, stateDir: makeState(values, cwd) };
  }
  if (text(values, "config") !== undefined)
    throw new OperatorError("--demo and --config do not go together", "leave one out");
  const stateDir = makeState(values, cwd);
  const demo = await buildDemo(join(stateDir, "demo"));
  return { config: await loadConfig(demo.config), stateDir };
}

/** The configured model with its key from the environment; undefined when the research is scripted. */
function modelOf({ research }: Config, environment: ReturnType<typeof readEnvironment>): ModelRelay | undefined {
  if (research.mode === "scripted") return undefined;
  const name = research.keyEnv ?? (research.mode === "anthropic" ? "ANTHROPIC_API_KEY" : "OPENAI_API_KEY");
  const key = secretNamed(environment, name);
  if (key === undefined) {
    throw new OperatorError(
      `research.mode is ${research.mode} and the environment variable ${name} is not set`,
      `set ${name}, or research.mode: scripted, which needs no key`,
    );
  }
  return {
    kind: research.mode,
    baseUrl: research.baseUrl ?? DEFAULT_BASE_URL[research.mode],
    key,
    models: [research.model ?? ""],
    tokensMax: research.tokensMax,
    hostedTools: research.hostedTools,
    ...moneyOf(research),
  };
}

/** Counted where there are prices, held where there is a maximum, too. */
function moneyOf({ moneyMax, currency, prices }: Config["research"]): Pick<ModelRelay, "money"> {
  if (Object.keys(prices).length === 0) return {};
  return { money: { currency, prices, ...(moneyMax === undefined ? {} : { max: moneyMax }) } };
}
