import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";

/** Debian's clamd with a configuration, a socket and a signature file of its own: it knows the EICAR test file and nothing else. */
export type Clamd = { socket: string; pid: number; [Symbol.asyncDispose](): Promise<void> };

/** As the test's antivirus file is published (https://www.eicar.org); put together here so that no scanner stops at this file. */
export const EICAR = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].join("-");

/** @param limits lines of clamd.conf besides ours, as `MaxFileSize 2M`. */
export async function startClamd(streamBytesMax = 8 * 1024 * 1024, limits: readonly string[] = []): Promise<Clamd> {
  const directory = mkdtempSync(join(tmpdir(), "wd-clam-"));
  const path = (name: string) => join(directory, name);
  for (const name of ["db", "tmp"]) mkdirSync(path(name));
  const md5 = createHash("md5").update(EICAR).digest("hex");
  writeFileSync(path("db/test.hdb"), `${md5}:${EICAR.length}:Test.Eicar\n`);
  writeFileSync(
    path("clamd.conf"),
    [
      "Foreground yes",
      `LocalSocket ${path("s")}`,
      `DatabaseDirectory ${path("db")}`,
      `TemporaryDirectory ${path("tmp")}`,
      `StreamMaxLength ${streamBytesMax}`,
      "User root",
      "MaxThreads 2",
      ...limits,
    ].join("\n"),
  );
  const clamd = spawn("/usr/sbin/clamd", ["-c", path("clamd.conf")], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => clamd.once("close", () => resolve()));
  await vi.waitFor(() => accessSync(path("s")), { timeout: 30_000, interval: 20 });
  return {
    socket: path("s"),
    pid: clamd.pid ?? 0,
    async [Symbol.asyncDispose]() {
      // SIGSTOP may have been sent to it; this ends it all the same.
      clamd.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}
