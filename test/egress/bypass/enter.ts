import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec, TOOL_PATH } from "../../../src/base/exec.ts";
import type { Judged } from "./case.ts";
import { ADDRESS, ROUTED } from "./places.ts";

/** Longer than all cases take on a machine that has other things to do. */
const TIMEOUT_MS = 240_000;

/**
 * Tries all cases on the proxy of one bench, in network and mount namespaces that go with it: nothing of this machine's
 * network is there, the name server is the world's, and the machine's own hosts file names nobody.
 */
export async function tryAll(bench: string): Promise<Judged[]> {
  const directory = mkdtempSync(join(tmpdir(), "wd-ns-"));
  writeFileSync(join(directory, "resolv"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
  writeFileSync(join(directory, "hosts"), "127.0.0.1 localhost\n");
  const routes = ROUTED.map((range) => `ip ${range.includes(":") ? "-6 " : ""}route add local ${range} dev lo`);
  const steps = [
    "ip link set lo up",
    `ip addr add ${ADDRESS.own}/32 dev lo`,
    ...routes,
    `mount --bind ${directory}/resolv /etc/resolv.conf`,
    `mount --bind ${directory}/hosts /etc/hosts`,
    `exec "$0" ${join(import.meta.dirname, "run.ts")} ${bench}`,
  ];
  try {
    // Whatever is left running when this ends, or is ended, ends with its process namespace.
    const own = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const argv = ["unshare", ...own, "sh", "-c", steps.join(" && "), process.execPath] as [string, ...string[]];
    const options = { timeoutMs: TIMEOUT_MS, env: { PATH: TOOL_PATH, TMPDIR: tmpdir() } };
    const { code, stdout, stderr } = await exec(argv, options);
    if (code !== 0) throw new Error(`the cases broke off (${code}): ${stderr.slice(-2_000)}`);
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Judged);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
