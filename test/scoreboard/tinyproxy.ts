import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { proxyDoor } from "../egress/bypass/door.ts";
import type { StartBench } from "../egress/bypass/ours.ts";
import { ALLOWED_HOSTS, SPLICED } from "../egress/bypass/places.ts";
import { endProgram, sleep, startProgram } from "./program.ts";

const PORT = 8888;

/** Tinyproxy with a filter of names that denies by default, and tunnels to one port. It has no rule for more than that. */
const configuration = (directory: string) => `
Port ${PORT}
Listen 127.0.0.1
Timeout 10
MaxClients 50
Allow 127.0.0.1
LogFile "${directory}/log"
LogLevel Connect
PidFile "${directory}/pid"
Filter "${directory}/filter"
FilterExtended On
FilterDefaultDeny Yes
ConnectPort 443
`;

export const start: StartBench = async ({ directory }) => {
  const home = join(directory, "tinyproxy");
  mkdirSync(home);
  chmodSync(directory, 0o755);
  const file = join(home, "tinyproxy.conf");
  const names = [...ALLOWED_HOSTS, SPLICED].map((host) => `^${host.replaceAll(".", "\\.")}$`);
  writeFileSync(join(home, "filter"), `${names.join("\n")}\n`);
  writeFileSync(file, configuration(home));
  const child = await startProgram(["tinyproxy", "-d", "-c", file], PORT);
  const path = join(home, "log");
  const log = () => (existsSync(path) ? readFileSync(path, "utf8") : "");
  return {
    doors: [proxyDoor("proxy", async () => connect(PORT, "127.0.0.1"))],
    sandbox: null,
    log,
    // A level, a time, a pid, and words.
    forgedLines: () =>
      log()
        .split("\n")
        .filter((line) => line !== "" && (!/^[A-Z]+ +\w{3} \d\d [\d:.]+ \[\d+\]: /.test(line) || isOdd(line))),
    withdrawals: [
      {
        name: "a reload",
        async take() {
          writeFileSync(join(home, "filter"), "^nobody\\.example$\n");
          child.kill("SIGUSR1");
          await sleep(1_000);
        },
        giveBack: null,
      },
    ],
    close: () => endProgram(child),
  };
};

function isOdd(line: string): boolean {
  // oxlint-disable-next-line no-control-regex -- it is control characters that are looked for
  return /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(line);
}
