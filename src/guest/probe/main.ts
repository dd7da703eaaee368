import { readSync } from "node:fs";
import { isatty } from "node:tty";
import { parseRequest, REQUEST_CHARACTERS_MAX } from "./request.ts";
import { runProbe } from "./run.ts";

/**
 * The probe as a program: takes one JSON request as its first argument, or on standard input when there is none, and
 * prints one JSON report and nothing else. At a terminal, with no request, it measures as from inside a target. A
 * request it cannot read is exit code 2 and a line on standard error.
 */
async function main(argv: readonly string[]): Promise<void> {
  const given = argv[0] ?? (isatty(0) ? '{"vantage":"target"}' : undefined);
  const request = parseRequest(given === undefined || given === "-" ? readInput() : given);
  // The environment is what is being measured; only env-secret and the names of sockets look at it.
  const answer = await runProbe({ request, environment: process.env });
  process.stdout.write(`${JSON.stringify(answer.report)}\n`, () => {
    // A file system that never answers holds its thread for ever, and an ordinary end waits for the thread.
    if (answer.isHanging) process.kill(process.pid, "SIGKILL");
  });
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

try {
  await main(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`weakdoor probe: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 2;
}
