import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec, TOOL_PATH } from "../../../src/base/exec.ts";
import type { Bed } from "../bed.ts";
import { HOST } from "./wire.ts";

const TIMEOUT_MS = 180_000;

/**
 * Runs one program of the bench in network, mount and process namespaces that go with it, and gives what it printed, line by line.
 * There is a loopback and nothing else, and the only name is the origin's: each contender finds it in the hosts file.
 */
export async function inOwnNetwork(bed: Bed, file: string, ...args: string[]): Promise<unknown[]> {
  const hosts = bed.fresh("hosts");
  writeFileSync(hosts, `127.0.0.1 localhost ${HOST}\n`);
  const program = [join(import.meta.dirname, file), ...args].join(" ");
  const steps = ["ip link set lo up", `mount --bind ${hosts} /etc/hosts`, `exec "$0" ${program}`].join(" && ");
  // Whatever is left running when this ends, or is ended, ends with its process namespace.
  const own = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const argv = ["unshare", ...own, "sh", "-c", steps, process.execPath] as [string, ...string[]];
  const env = { PATH: TOOL_PATH, TMPDIR: tmpdir() };
  const { code, stdout, stderr } = await exec(argv, { timeoutMs: TIMEOUT_MS, env, signal: bed.signal });
  if (code !== 0) throw new Error(`${file} broke off (${code}): ${stderr.slice(-2_000)}`);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}
