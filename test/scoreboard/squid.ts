import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { exec } from "../../src/base/exec.ts";
import { proxyDoor } from "../egress/bypass/door.ts";
import type { StartBench } from "../egress/bypass/ours.ts";
import { ALLOWED_HOSTS, SPLICED } from "../egress/bypass/places.ts";
import { endProgram, sleep, startProgram } from "./program.ts";

const PORT = 3128;

/**
 * Squid as it is set up for agents: an allowlist of names, without ssl-bump. It gets whatever of our rules it can be told:
 * ports, methods, paths, the length of a body, no way to this machine itself. Debian's package; caching is off.
 */
const configuration = (directory: string) => `
acl SSL_ports port 443
acl plain_port port 80
acl hosts dstdomain "${directory}/hosts"
acl asked method GET POST CONNECT
acl paths urlpath_regex ^/v1/[^/]+$
http_access deny to_localhost
http_access deny CONNECT !SSL_ports
http_access deny !CONNECT !plain_port
http_access deny !asked
http_access deny !CONNECT !paths
http_access allow hosts
http_access deny all
http_port 127.0.0.1:${PORT}
dns_nameservers 127.0.0.1
positive_dns_ttl 1 second
negative_dns_ttl 1 second
request_body_max_size 1 KB
cache deny all
cache_mem 8 MB
pid_filename ${directory}/squid.pid
access_log stdio:${directory}/access.log
cache_log ${directory}/cache.log
coredump_dir ${directory}
shutdown_lifetime 1 second
`;

export const start: StartBench = async ({ directory }) => {
  const home = join(directory, "squid");
  mkdirSync(home);
  chmodSync(directory, 0o755);
  const file = join(home, "squid.conf");
  writeFileSync(join(home, "hosts"), `${[...ALLOWED_HOSTS, SPLICED].join("\n")}\n`);
  writeFileSync(file, configuration(home));
  const { stdout } = await exec(["id", "-u", "proxy"]);
  chownSync(home, Number(stdout), Number(stdout));
  const child = await startProgram(["squid", "--foreground", "-YC", "-f", file], PORT);
  const log = () => readFileSync(join(home, "access.log"), "utf8");
  return {
    doors: [proxyDoor("proxy", async () => connect(PORT, "127.0.0.1"))],
    sandbox: null,
    log,
    // Ten fields, the first of them a time.
    forgedLines: () =>
      log()
        .split("\n")
        .filter(
          (line) =>
            line !== "" && (!/^\s*\d+\.\d{3} +\d+ \S+( \S+){7}$/.test(line.replace(/ +/g, " ")) || isOdd(line)),
        ),
    withdrawals: [
      {
        name: "a reload",
        async take() {
          writeFileSync(join(home, "hosts"), "nobody.example\n");
          await exec(["squid", "-k", "reconfigure", "-f", file]);
          await sleep(2_000);
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
