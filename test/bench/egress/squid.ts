import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../../../src/base/exec.ts";
import { endProgram, startProgram } from "../../scoreboard/program.ts";
import { BY_HAND, type Contender, type Running } from "./contender.ts";
import { HOST, PORTS } from "./wire.ts";

export const squid: Contender = {
  name: "squid",
  kinds: ["forward", "tunnel"],
  async start({ directory }) {
    const program = "/usr/sbin/squid";
    if (!existsSync(program)) return { missing: `squid is not installed: ${BY_HAND}` };
    mkdirSync(directory);
    return started(program, 3128, directory, "", "");
  },
};

/** Debian's squid is built without ssl-bump and cannot be installed beside the one that has it: that one is unpacked. */
const UNPACKED = "/usr/local/lib/weakdoor/squid-openssl";

export const squidBump: Contender = {
  name: "squid with ssl-bump",
  kinds: ["terminated"],
  async start({ directory, origin }) {
    const program = join(UNPACKED, "usr/sbin/squid");
    if (!existsSync(program)) return { missing: `squid-openssl is not unpacked: ${BY_HAND}` };
    mkdirSync(directory);
    const [key, cert, trusted] = ["ca.key", "ca.crt", "origin.crt"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    const asAuthority = ["-subj", "/CN=bench", "-addext", "basicConstraints=critical,CA:TRUE"];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    await exec(["openssl", "req", "-x509", ...kind, ...asAuthority, "-keyout", key, "-out", cert]);
    writeFileSync(trusted, origin.cert);
    const maker = `${join(UNPACKED, "usr/lib/squid/security_file_certgen")} -s ${directory}/made -M 4MB`;
    await exec([...(maker.split(" ") as [string, ...string[]]), "-c"]);
    const bump = `ssl-bump generate-host-certificates=on dynamic_cert_mem_cache_size=4MB tls-cert=${cert} tls-key=${key}`;
    const more = [
      `sslcrtd_program ${maker}`,
      `tls_outgoing_options cafile=${trusted} min-version=1.2`,
      "acl step1 at_step SslBump1",
      "ssl_bump peek step1",
      "ssl_bump bump all",
    ].join("\n");
    return { ...(await started(program, 3129, directory, bump, more)), certificate: readFileSync(cert, "utf8") };
  },
};

async function started(
  program: string,
  port: number,
  directory: string,
  listen: string,
  more: string,
): Promise<Running> {
  const file = join(directory, "squid.conf");
  writeFileSync(file, configuration(directory, `127.0.0.1:${port} ${listen}`, more));
  // It gives up root.
  await exec(["chown", "-R", "proxy:proxy", directory]);
  const child = await startProgram([program, "--foreground", "-YC", "-f", file], port);
  return { port, certificate: "", close: () => endProgram(child) };
}

/**
 * What it can be told of our rules, and its access log. Nothing is cached, for it is a gateway that is measured; one worker, as
 * ours is one process.
 */
function configuration(directory: string, listen: string, more: string): string {
  return `
acl tunnels port ${PORTS.tls} ${PORTS.opaque}
acl plain_port port ${PORTS.plain}
acl hosts dstdomain ${HOST}
acl asked method GET CONNECT
acl paths urlpath_regex ^/v1/[^/]+$
http_access deny CONNECT !tunnels
http_access deny !asked
http_access deny !CONNECT !paths
http_access allow hosts
http_access deny all
http_port ${listen}
cache deny all
cache_mem 8 MB
pid_filename ${directory}/squid.pid
access_log stdio:${directory}/access.log
cache_log ${directory}/cache.log
coredump_dir ${directory}
shutdown_lifetime 1 second
visible_hostname bench
pinger_enable off
max_filedescriptors 4096
${more}
`;
}
