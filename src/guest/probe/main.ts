import { readSync } from "node:fs";
import { isatty } from "node:tty";
import type { ProbeReport } from "../observation.ts";
import { type ProbeRequest, parseRequest, REQUEST_CHARACTERS_MAX } from "./request.ts";
import { runProbe } from "./run.ts";
import { standalone, tableOf, USAGE } from "./standalone.ts";

/**
 * The probe as a program: takes one JSON request as its first argument, or on standard input, and prints one JSON report and
 * nothing else. With flags, or with no request at all, it stands alone: see standalone.ts. A request or a flag that it cannot
 * read is exit code 2 and a line on standard error.
 */
async function main(argv: readonly string[]): Promise<void> {
  const [first] = argv;
  const isFlag = first?.startsWith("--") === true;
  const given = first === undefined || first === "-" ? inputIfAny() : first;
  if (given !== "" && !isFlag) return void (await look(parseRequest(given), asJson));
  const asked = standalone(isFlag ? argv : [], { cwd: process.cwd(), isTerminal: isatty(1) });
  if (asked.status === "help") return void process.stdout.write(`${USAGE}\n`);
  const report = await look(asked.request, asked.isTable ? tableOf : asJson);
  if (report.checks.some(({ status }) => status !== "ran")) process.exitCode = INCOMPLETE;
}

/** As `weakdoor probe` ends. */
const INCOMPLETE = 20;

async function look(request: ProbeRequest, shown: (report: ProbeReport) => string): Promise<ProbeReport> {
  // The environment is what is being measured; only env-secret and the names of sockets look at it.
  const { report, isHanging } = await runProbe({ request, environment: process.env });
  process.stdout.write(`${shown(report)}\n`, () => {
    // A file system that never answers holds its thread for ever, and an ordinary end waits for the thread.
    if (isHanging) process.kill(process.pid, "SIGKILL");
  });
  return report;
}

function asJson(report: ProbeReport): string {
  return JSON.stringify(report);
}

/** Nothing at a terminal, where nobody is kept waiting for a request. */
function inputIfAny(): string {
  return isatty(0) ? "" : readInput().trim();
}

function readInput(): string {
  const buffer = Buffer.alloc(REQUEST_CHARACTERS_MAX + 1);
  let length = 0;
  while (length < buffer.length) {
    const bytes = readChunk(buffer, length);
    if (bytes === 0) break;
    length += bytes;
  }
  return buffer.toString("utf8", 0, length);
}

/** Standard input may be set not to block; then there may be nothing yet. */
function readChunk(buffer: Buffer, offset: number): number {
  for (;;) {
    try {
      return readSync(0, buffer, offset, buffer.length - offset, null);
    } catch (thrown) {
      if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EAGAIN")) throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // Whoever reads has seen enough.
  if (error.code !== "EPIPE") throw error;
});

try {
  await main(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`weakdoor probe: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 2;
}
