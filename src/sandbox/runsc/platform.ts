import { errnoOf } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";

/** How gVisor gets between the guest and the host's kernel. KVM is never tried: where the device is there but does not work it spins for ever. */
export type Platform = "systrap" | "ptrace";

/** The platforms this build offers, the faster first. A build of before 2023 has no systrap. Throws ENOENT when there is no runsc. */
export async function offeredPlatforms(program: string, signal: AbortSignal): Promise<Platform[]> {
  const { stdout, stderr } = await exec([program, "flags"], { signal, timeoutMs: 3_000 });
  const said = stdout + stderr;
  const description = /-platform (?:string|value)\s+(.*)/.exec(said)?.[1] ?? "";
  return (["systrap", "ptrace"] as const).filter((platform) => description.includes(platform));
}

/** Its first line of `--version`; undefined when there is no such program. */
export async function runscVersion(program: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { code, stdout } = await exec([program, "--version"], { signal, timeoutMs: 3_000 });
    return code === 0 ? stdout.split("\n")[0] : undefined;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
