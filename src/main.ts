#!/usr/bin/env node
import { parseArgs } from "node:util";
import { errnoOf, firstThrown, messageOf, OperatorError, refusalOf, Stopped } from "./base/errors.ts";
import { oneLine } from "./base/text.ts";
import { verbs } from "./cli/all.ts";
import { EXIT, type Io, type Verb } from "./cli/verb.ts";

/**
 * argv to one verb. An OperatorError becomes one line and a hint, a stop its own exit code, anything else is a bug and
 * shows its stack. The only place that sets process.exitCode.
 */
async function main(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "help" || name === "--help") {
    io.out(await help());
    return name === undefined ? EXIT.operator : EXIT.nothingNew;
  }
  const entry = verbs.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new OperatorError(`there is no verb ${oneLine(name, 80)}`, "run: weakdoor help");
  const { verb } = await entry.load();
  if (rest.includes("--help")) {
    io.out(`usage: weakdoor ${verb.usage}\n\n${verb.summary}`);
    return EXIT.nothingNew;
  }
  const { values, positionals } = parse(verb, rest);
  const empty = Object.keys(values).find((option) => values[option] === "");
  if (empty !== undefined) {
    // As an unset variable leaves it; taken as it stands, it would mean the current directory.
    throw new OperatorError(`--${empty} is empty`, `usage: weakdoor ${verb.usage}`);
  }
  const extra = positionals[verb.argumentsMax ?? 0];
  if (extra !== undefined) {
    throw new OperatorError(`${verb.name} takes no argument ${oneLine(extra, 80)}`, `usage: weakdoor ${verb.usage}`);
  }
  const stopping = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => stopping.abort(new Stopped(`${signal} received`));
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, onSignal);
  return verb.run({
    values,
    positionals,
    io,
    cwd: currentDirectory(),
    signal: stopping.signal,
  });
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    throw new OperatorError("the current directory is gone", "change to one that is there", { cause: thrown });
  }
}

function parse(verb: Verb, args: string[]) {
  try {
    return parseArgs({ args, options: verb.options, allowPositionals: true, strict: true });
  } catch (thrown) {
    const said = oneLine(messageOf(thrown).split(". ")[0] ?? "bad arguments", 200);
    throw new OperatorError(said.charAt(0).toLowerCase() + said.slice(1), `usage: weakdoor ${verb.usage}`);
  }
}

async function help(): Promise<string> {
  const width = Math.max(...verbs.map((entry) => entry.name.length));
  const loaded = await Promise.all(verbs.map((entry) => entry.load()));
  return [
    "weakdoor measures what an AI agent's sandbox really lets through, on a clone with every credential replaced.",
    "",
    ...loaded.map(({ verb }) => `  ${verb.name.padEnd(width)}  ${verb.summary}`),
    "",
    "weakdoor VERB --help says how a verb is called.",
    "exit codes: 0 nothing new, 1 a bug, 2 you must act, 10 new findings at or over the threshold,",
    "            11 a finding came back or something opened that intended.yaml does not take on,",
    "            20 coverage incomplete, 21 nothing was checked, 30 log or preflight failed, 40 stopped by the kill switch",
  ].join("\n");
}

const io: Io = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  json: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
};

// A closed pipe (`weakdoor findings | head`) is the reader's choice, not a fault of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  const refusal = refusalOf(thrown);
  if (refusal !== undefined) {
    io.err(`weakdoor: ${refusal.message}`);
    io.err(`hint: ${refusal.hint}`);
    process.exitCode = EXIT.operator;
  } else if (firstThrown(thrown) instanceof Stopped) {
    io.err(`weakdoor: ${messageOf(firstThrown(thrown))}`);
    process.exitCode = EXIT.killed;
  } else {
    io.err(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    io.err("weakdoor: this is a bug in weakdoor");
    process.exitCode = EXIT.bug;
  }
}
