import { realpath } from "node:fs/promises";
import { basename } from "node:path";
import { OperatorError } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";

/** bwrap with the loader and the libraries it links to, as name and path here: it runs in any image of this architecture. */
export async function bwrapParts(): Promise<[name: string, source: string][]> {
  const { stdout: found } = await exec(["sh", "-c", "command -v bwrap"], { timeoutMs: 10_000 });
  if (found.trim() === "")
    throw new OperatorError(
      "bwrap is not installed, and it builds the guest's box at E2B, too",
      "apt-get install -y bubblewrap",
    );
  const bwrap = await realpath(found.trim());
  const { stdout } = await exec(["ldd", bwrap], { timeoutMs: 10_000 });
  const parts: [string, string][] = [["bwrap", bwrap]];
  for (const line of stdout.split("\n")) {
    const path = /(?:^|=>)\s*(\/\S+)\s/.exec(line)?.[1];
    if (path !== undefined) parts.push([/\/ld[-.]/.test(path) ? "ld.so" : basename(path), path]);
  }
  if (!parts.some(([name]) => name === "ld.so"))
    throw new OperatorError("bwrap names no loader, so it cannot be carried to E2B", "install Debian's bubblewrap");
  return parts;
}
