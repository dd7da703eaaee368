#!/usr/bin/env node
import { parseArgs } from "node:util";
import { messageOf, OperatorError, Stopped } from "./base/errors.ts";
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
  if (entry === undefined) throw new OperatorError(`there is no verb ${name}`, "run: weakdoor help");
  const { verb } = await entry.load();
  if (rest.includes("--help")) {
    io.out(`usage: weakdoor ${verb.usage}\n\n${verb.summary}`);
    return EXIT.nothingNew;
  }
  const { values, positionals } = parse(verb, rest);
  const stopping = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => stopping.abort(new Stopped(`${signal} received`));
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, onSignal);
  return verb.run({
    values,
    positionals,
    io,
    cwd: process.cwd(),
    signal: stopping.signal,
  });
}

function parse(verb: Verb, args: string[]) {
  try {
    return parseArgs({ args, options: verb.options, allowPositionals: true, strict: true });
  } catch (thrown) {
    throw new OperatorError(messageOf(thrown).split(". ")[0] ?? "bad arguments", `usage: weakdoor ${verb.usage}`);
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
    "exit codes: 0 nothing new, 1 a bug, 2 you must act, 10 new findings at or over the threshold, 11 a finding came back,",
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
  if (thrown instanceof OperatorError) {
    io.err(`weakdoor: ${thrown.message}`);
    io.err(`hint: ${thrown.hint}`);
    process.exitCode = EXIT.operator;
  } else if (thrown instanceof Stopped) {
    io.err(`weakdoor: ${thrown.message}`);
    process.exitCode = EXIT.killed;
  } else {
    io.err(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    io.err("weakdoor: this is a bug in weakdoor");
    process.exitCode = EXIT.bug;
  }
}
