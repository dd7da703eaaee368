import { closeSync, openSync, readSync } from "node:fs";

const CHUNK_BYTES = 1024 * 1024;

/**
 * The lines of an egress log, parsed, one at a time: a sandbox that asks and asks makes a log of hundreds of megabytes, and it is
 * never in memory whole. The log is ASCII, so no character falls between two reads. Throws the system error when it
 * cannot be read, SyntaxError at a line that is no JSON; a last line without its end is one that is still being written.
 */
export function* logLines(path: string): Generator {
  const fd = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let rest = "";
    for (let length = readSync(fd, chunk); length > 0; length = readSync(fd, chunk)) {
      const lines = (rest + chunk.toString("latin1", 0, length)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") yield JSON.parse(line);
    }
  } finally {
    closeSync(fd);
  }
}
